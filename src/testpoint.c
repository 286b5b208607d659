/*-------------------------------------------------------------------------
 *
 * testpoint.c
 *		Test points: named places where a test can stop a session. See
 *		testpoint.h.
 *
 * A point may be in a COMMIT callback, where errors are not allowed.  The lock
 * is a session lock, so it does not depend on the transaction's state, and
 * interrupts are held there.
 *
 * The launcher, which is connected to no database, is stopped by a session in
 * the database postgres.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "testpoint.h"

#ifdef CS_TEST_POINTS

#include "catalog/pg_database.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "guc.h"
#include "locktags.h"

#define DELAY_ONE_IN	8

/*
 * Whether the name is in cache_strategies.test_points.
 */
static bool
is_listed(const char *name)
{
	const char *p = cs_test_points;
	Size		len = strlen(name);

	while (p != NULL && (p = strstr(p, name)) != NULL)
	{
		bool		starts = (p == cs_test_points || p[-1] == ',');

		if (starts && (p[len] == '\0' || p[len] == ','))
			return true;
		p += len;
	}
	return false;
}

/*
 * Sleep for a random time, at some of the calls.
 */
static void
dawdle_sometimes(void)
{
	if (cs_test_delay > 0 && pg_prng_uint32(&pg_global_prng_state) % DELAY_ONE_IN == 0)
		pg_usleep(pg_prng_uint32(&pg_global_prng_state) % cs_test_delay);
}

/*
 * Sleep if the point is listed.  For points under an LWLock.
 */
void
cs_testpoint_dawdle(const char *name)
{
	if (is_listed(name))
		pg_usleep(cs_test_delay);
	else
		dawdle_sometimes();
}

/*
 * Wait for the advisory lock of the point if it is listed.
 */
void
cs_testpoint_reach(const char *name)
{
	LOCKTAG		tag;
	int64		key;

	dawdle_sometimes();
	if (!is_listed(name))
		return;
	key = (int32) DatumGetUInt32(hash_any((const unsigned char *) name,
										  strlen(name)));
	SET_LOCKTAG_ADVISORY(tag, OidIsValid(MyDatabaseId) ? MyDatabaseId : PostgresDbOid,
						 (uint32) (key >> 32), (uint32) key, CS_LOCK_BIGINT);
	(void) LockAcquire(&tag, ExclusiveLock, true, false);
	LockRelease(&tag, ExclusiveLock, true);
}

#endif							/* CS_TEST_POINTS */
