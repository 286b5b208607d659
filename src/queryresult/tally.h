/*-------------------------------------------------------------------------
 *
 * tally.h
 *		What keeping results has cost and brought, by statement shape, in
 *		shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TALLY_H
#define CS_TALLY_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/spin.h"

typedef enum CsTallyCount
{
	/* executions */
	CS_TALLY_HIT,
	CS_TALLY_MISS,				/* was run; a result was looked for */
	CS_TALLY_KEPT,				/* of these: the result was kept */
	CS_TALLY_CHANGED,			/* not kept: a table was changed, or is being */
	CS_TALLY_TOO_LARGE,			/* not kept: max_result, or no room */
	CS_TALLY_UNFINISHED,		/* not kept: its end was not reached */
	CS_TALLY_NOT_KEPT,			/* not kept for another reason */
	CS_TALLY_OWN,				/* bypassed: the transaction's own changes */
	CS_TALLY_BYPASS,			/* bypassed for another reason */
	CS_TALLY_LEFT_ALONE,		/* bypassed: it does not pay */

	/* what a lookup found that was not a hit */
	CS_TALLY_ABSENT,			/* nothing */
	CS_TALLY_EXPIRED,			/* its time is over */
	CS_TALLY_OTHER_SNAPSHOT,	/* a result for newer or older snapshots */
	CS_TALLY_FELL_VALUE,		/* a row with a watched value has changed */
	CS_TALLY_FELL_TABLE,		/* a row of the table has changed */
	CS_TALLY_FELL_EPOCH,		/* the table as a whole has: DDL, TRUNCATE */
	CS_TALLY_UNUSED,			/* of those that fell: never a hit, as far as
								 * is known */

	CS_TALLY_WAIT,				/* waited for another session's result */
	CS_TALLY_WAITED_IN_VAIN,
	CS_TALLY_AHEAD,				/* computed before max_age was over */

	/* nanoseconds */
	CS_TALLY_SAVED,				/* what computing has taken of those that were
								 * hit */
	CS_TALLY_SPENT,				/* on hits, and on looking and keeping */
	CS_TALLY_RUN,				/* computing; without CS_TALLY_SPENT */
	CS_TALLY_RUNS,				/* how many runs CS_TALLY_RUN is of */
	CS_TALLY_TIMED,				/* how many executions all of these are of */

	/* of statements over tables that are not tracked */
	CS_TALLY_CALLS,
	CS_TALLY_SAMPLED,			/* those of them that were looked at */
	CS_TALLY_REPEATED,			/* of these: with values seen lately */

	CS_N_TALLY
} CsTallyCount;

/* Causes of falls that are counted for each table. */
#define CS_N_FALLS		3
#define CS_TALLY_TABLES	8
#define CS_TALLY_TEXT	1024
#define CS_TALLY_SEEN	1024	/* bits */
#define CS_TALLY_WORDS	(CS_TALLY_SEEN / 64)

typedef struct CsSharedFalls
{
	pg_atomic_uint64 relid;		/* atomic; 0: free */
	pg_atomic_uint64 count[CS_N_FALLS]; /* atomic; from CS_TALLY_FELL_VALUE on */
} CsSharedFalls;

/* A shape of one role in one database. */
typedef struct CsSharedTally
{
	pg_atomic_uint64 key;		/* atomic; 0: free.  Set under the lock of the
								 * set that it is in */
	pg_atomic_uint64 until;		/* atomic; left alone until then, by
								 * cs_clock_now(); 0: it is not */
	pg_atomic_uint64 skip;		/* atomic; signed; executions that are still
								 * left alone */
	pg_atomic_uint64 used;		/* atomic; time of the last hand-in */
	pg_atomic_uint64 measure;	/* atomic; the hit of this number is computed
								 * all the same */
	pg_atomic_uint64 mean;		/* atomic; what computing takes lately,
								 * nanoseconds */
	pg_atomic_uint64 bytes;		/* atomic; size of the result kept last */
	pg_atomic_uint64 count[CS_N_TALLY]; /* atomic, each for itself */
	CsSharedFalls falls[CS_TALLY_TABLES];	/* atomic */
	pg_atomic_uint64 seen[CS_TALLY_WORDS];	/* atomic, each for itself; values
											 * of a candidate */
	slock_t		lock;			/* protects the rest */
	uint64		judged[CS_N_TALLY]; /* spinlock; counts when it was judged
									 * last */
	int			failures;		/* spinlock; trials in a row that did not pay */
	double		loss;			/* spinlock; of the last one, as a part of the
								 * time */
	Oid			database;		/* spinlock */
	Oid			role;			/* spinlock */
	TimestampTz since;			/* spinlock */
	int			len;			/* spinlock; of the text */
	char text[	CS_TALLY_TEXT]; /* spinlock */
} CsSharedTally;

/* What a session has counted, and has not handed in yet. */
typedef struct CsTally
{
	uint64		key;			/* 0: free */
	CsSharedTally *shared;
	bool		known;			/* this session has run it before */
	bool		planned;		/* and planned it */
	int			pending;		/* executions */
	int			skipped;		/* of them: left alone */
	uint64		count[CS_N_TALLY];
} CsTally;

/* Called when counts are handed in. */
typedef void (*CsTallyHook) (CsSharedTally *shared);
extern CsTallyHook cs_tally_handed_in;

extern Size cs_tally_shmem_size(void);
extern void cs_tally_shmem_init(void);
extern void cs_tally_init(void);

extern uint64 cs_tally_key(uint64 jumble, bool candidate);
extern CsTally *cs_tally_find(uint64 key);
extern CsTally *cs_tally_make(uint64 key, const char *text, int location, int len);
extern void cs_tally_add(uint64 key, CsTallyCount what, int64 n);
extern void cs_tally_executed(uint64 key, CsTallyCount how);
extern void cs_tally_fell(uint64 key, CsTallyCount how, Oid relid);
extern void cs_tally_reads(uint64 key, Oid relid);
extern bool cs_tally_saw(uint64 key, uint64 values);
extern void cs_tally_keeps(uint64 key, Size bytes);
extern void cs_tally_ran(uint64 key, int64 nanos);
extern int64 cs_tally_mean_run(uint64 key);

extern void cs_tally_reset(void);
extern CsSharedTally *cs_tally_all(int *n);

#endif							/* CS_TALLY_H */
