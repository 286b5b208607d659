/*-------------------------------------------------------------------------
 *
 * generate.c
 *		Write a file of requests: generate FILE WORKLOAD REQUESTS [KEYS]
 *
 * zipf07, zipf099, zipf12: the n-th of the keys with probability proportional to
 * n^-0.7 and so on; values of 100 bytes.  scan: zipf099, and a fifth of the
 * requests are scans, 10,000 keys in a row that are never asked for again.
 * shift: zipf099, and twenty times the 10,000 most popular keys change places with
 * others.  mixed: zipf099, with values of 10 bytes to 1 MB, the logarithm uniform.
 * trace: sizes and block numbers from the CSV on standard input; a key's size is
 * that of its first request, REQUESTS is not looked at.
 *
 * The same arguments give the same file.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "requests.h"

#define VALUE_LEN	100
#define BURST		10000		/* of a scan */
#define SHIFTS		20
#define HOT			10000

static uint64_t
next_random(void)
{
	static uint64_t state = 1;
	uint64_t	h = state += UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

static double
next_double(void)
{
	return (next_random() >> 11) / 9007199254740992.0;
}

static uint32_t
next_below(uint32_t n)
{
	return (uint32_t) (((next_random() >> 32) * n) >> 32);
}

static void *
allocate(size_t n, size_t size)
{
	void	   *p = calloc(n, size);

	if (p == NULL)
		err(1, "calloc");
	return p;
}

/* Walker's alias method: a column of each rank, shared with one other. */
typedef struct Zipf
{
	uint32_t	n;
	double	   *own;
	uint32_t   *alias;
} Zipf;

static Zipf
make_zipf(uint32_t n, double exponent)
{
	Zipf		z = {n, allocate(n, sizeof(double)), allocate(n, sizeof(uint32_t))};
	uint32_t   *poor = allocate(n, sizeof(uint32_t));
	uint32_t   *rich = allocate(n, sizeof(uint32_t));
	uint32_t	npoor = 0;
	uint32_t	nrich = 0;
	double		sum = 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
		sum += z.own[i] = pow(i + 1, -exponent);
	for (i = 0; i < n; i++)
	{
		z.own[i] *= n / sum;
		z.alias[i] = i;
		if (z.own[i] < 1)
			poor[npoor++] = i;
		else
			rich[nrich++] = i;
	}
	while (npoor > 0 && nrich > 0)
	{
		uint32_t	p = poor[--npoor];
		uint32_t	r = rich[nrich - 1];

		z.alias[p] = r;
		z.own[r] -= 1 - z.own[p];
		if (z.own[r] < 1)
		{
			nrich--;
			poor[npoor++] = r;
		}
	}
	free(poor);
	free(rich);
	return z;
}

static uint32_t
next_rank(const Zipf *z)
{
	uint32_t	column = next_below(z->n);

	return next_double() < z->own[column] ? column : z->alias[column];
}

static uint32_t
value_size(int mixed)
{
	return mixed ? (uint32_t) (10 * pow(1e5, next_double())) : VALUE_LEN;
}

/* Requests for keys by popularity.  Returns the number of keys. */
static uint32_t
zipf_requests(uint32_t *key, uint32_t n, uint32_t nkeys, double exponent,
			  int scan, int shift)
{
	Zipf		zipf = make_zipf(nkeys, exponent);
	uint32_t   *key_of = allocate(nkeys, sizeof(uint32_t));
	uint32_t	fresh = nkeys;
	uint32_t	i;

	for (i = 0; i < nkeys; i++)
		key_of[i] = i;
	for (i = 0; i < n; i++)
	{
		if (shift && i > 0 && i % (n / SHIFTS) == 0)
		{
			uint32_t	hot;

			for (hot = 0; hot < HOT; hot++)
			{
				uint32_t	other = next_below(nkeys);
				uint32_t	k = key_of[hot];

				key_of[hot] = key_of[other];
				key_of[other] = k;
			}
		}
		if (scan && i / BURST % 5 == 4)
			key[i] = fresh++;
		else
			key[i] = key_of[next_rank(&zipf)];
	}
	return fresh;
}

/* version,time,op,size,lbn; keys are numbered as they come */
static uint32_t
trace_requests(uint32_t **key, uint32_t **size, uint32_t *n)
{
	enum
	{
		most = 1 << 22
	};
	uint64_t   *block = allocate(2 * most, sizeof(uint64_t));
	uint32_t   *id = allocate(2 * most, sizeof(uint32_t));
	uint32_t	nkeys = 0;
	unsigned	bytes;
	unsigned long long lbn;

	*key = allocate(most, sizeof(uint32_t));
	*size = allocate(most, sizeof(uint32_t));
	*n = 0;
	if (scanf("%*[^\n]") != 0)
		errx(1, "no trace");
	while (scanf("%*u,%*u,%*[^,],%u,%llu", &bytes, &lbn) == 2)
	{
		uint64_t	at = (lbn * UINT64_C(0x9e3779b97f4a7c15)) >> 41;

		if (*n == most)
			errx(1, "the trace is too long");
		while (block[at] != 0 && block[at] != lbn + 1)
			at = (at + 1) % (2 * most);
		if (block[at] == 0)
		{
			block[at] = lbn + 1;
			id[at] = nkeys;
			(*size)[nkeys++] = bytes;
		}
		(*key)[(*n)++] = id[at];
	}
	if (*n == 0)
		errx(1, "no trace");
	return nkeys;
}

int
main(int argc, char **argv)
{
	const char *workload;
	uint32_t	n;
	uint32_t	nkeys;
	uint32_t	i;
	uint32_t   *key;
	uint32_t   *size = NULL;
	FILE	   *file;

	if (argc < 4)
		errx(1, "usage: generate FILE WORKLOAD REQUESTS [KEYS]");
	workload = argv[2];
	n = strtoul(argv[3], NULL, 10);
	nkeys = argc > 4 ? strtoul(argv[4], NULL, 10) : 1000000;

	if (strcmp(workload, "trace") == 0)
		nkeys = trace_requests(&key, &size, &n);
	else
	{
		double		exponent = strcmp(workload, "zipf07") == 0 ? 0.7 :
		strcmp(workload, "zipf12") == 0 ? 1.2 : 0.99;

		key = allocate(n, sizeof(uint32_t));
		nkeys = zipf_requests(key, n, nkeys, exponent, strcmp(workload, "scan") == 0,
							  strcmp(workload, "shift") == 0);
		size = allocate(nkeys, sizeof(uint32_t));
		for (i = 0; i < nkeys; i++)
			size[i] = value_size(strcmp(workload, "mixed") == 0);
	}

	file = fopen(argv[1], "w");
	if (file == NULL ||
		fwrite(&n, sizeof(n), 1, file) != 1 ||
		fwrite(&nkeys, sizeof(nkeys), 1, file) != 1 ||
		fwrite(key, sizeof(uint32_t), n, file) != n ||
		fwrite(size, sizeof(uint32_t), nkeys, file) != nkeys ||
		fclose(file) != 0)
		err(1, "%s", argv[1]);
	return 0;
}
