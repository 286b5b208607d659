/*-------------------------------------------------------------------------
 *
 * unit.c
 *		Runs the unit tests that are named on the command line.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

/* The tests print for themselves, not through the server's functions. */
#undef printf
#undef fprintf
#undef vprintf
#undef vfprintf

char		unit_pool[POOL_SIZE];

static const struct
{
	const char *name;
	void		(*run) (void);
}			tests[] =

{
	{"model", test_model},
	{"collide", test_collide},
	{"quota", test_quota},
	{"torn", test_torn},
	{"dirty", test_dirty},
	{"room", test_room},
	{"threads", test_threads},
	{"unlink", test_unlink},
	{"alter", test_alter},
	{"staged", test_staged},
	{"share", test_share},
	{"expiry", test_expiry},
	{"settle", test_settle},
	{"overhead", test_overhead},
	{"zipf", test_zipf},
	{"refill", test_refill},
	{"doorkeeper", test_doorkeeper},
	{"keyhash", test_keyhash},
	{"hashtable", test_hashtable},
	{"sampled", test_sampled},
	{"predict", test_predict}
};

void
unit_fail(const char *file, int line, const char *fmt,...)
{
	va_list		args;

	fprintf(stdout, "not ok - %s:%d: ", file, line);
	va_start(args, fmt);
	vfprintf(stdout, fmt, args);
	va_end(args);
	fprintf(stdout, "\n");
	fflush(stdout);
	_exit(1);
}

void
unit_ok(const char *name, const char *fmt,...)
{
	va_list		args;

	fprintf(stdout, "ok - %s (", name);
	va_start(args, fmt);
	vfprintf(stdout, fmt, args);
	va_end(args);
	fprintf(stdout, ")\n");
	fflush(stdout);
}

void
unit_consistent(void)
{
	char		msg[256];

	if (!cs_store_check(msg, sizeof(msg)))
		fail("%s", msg);
}

/* The key of a number, which it points to. */
void
unit_key(const int *id, CsKey *key)
{
	key->hash = cs_mix(*id + 1);
	key->owner = 0;
	key->len = sizeof(int);
	key->data = (const char *) id;
}

uint64
unit_random(uint64 *state)
{
	*state += UINT64CONST(0x9e3779b97f4a7c15);
	return cs_mix(*state);
}

/* That of the tests, not of the store. */
extern int	__real_clock_gettime(clockid_t clock, struct timespec *t);

double
unit_clock(void)
{
	struct timespec t;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	uint64		seed = 1;
	int			i;
	int			j;

	for (i = 0; i < POOL_SIZE; i++)
		unit_pool[i] = (char) unit_random(&seed);
	for (i = 1; i < argc; i++)
	{
		for (j = 0; j < lengthof(tests); j++)
		{
			if (strcmp(argv[i], tests[j].name) == 0)
				break;
		}
		if (j == lengthof(tests))
			fail("no test %s", argv[i]);
		tests[j].run();
	}
	return 0;
}
