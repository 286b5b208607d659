/*-------------------------------------------------------------------------
 *
 * verified.h
 *		Outcomes of comparing cached rows with their tables, and results with
 *		what is computed; their counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_VERIFIED_H
#define CS_VERIFIED_H

#include "rowcache/access.h"

/*
 * What an entry was found to be.  The first CS_N_REASONS are the reasons of
 * reads (CsReason) that were not answered from the cache: such an entry was
 * skipped.  CS_HIT and CS_HIT_ABSENT are not among them.
 */
typedef enum CsOutcome
{
	CS_OUTCOME_VERIFIED = CS_N_REASONS, /* what the table has */
	CS_OUTCOME_MISMATCHED,
	CS_OUTCOME_DEFERRED,		/* skipped: not in the table yet */
	CS_OUTCOME_LOADER,			/* skipped: from a loader function */
	CS_OUTCOME_UNREADABLE,		/* skipped: the owner may not read the table */
	CS_OUTCOME_GONE,			/* skipped: the table is not attached any more */
	CS_OUTCOME_FAILED,			/* skipped: reading the table failed */
	CS_OUTCOME_RESULT,			/* skipped: the result of a query, which is
								 * compared when it answers */
	/* of results that have answered */
	CS_OUTCOME_RESULT_VERIFIED, /* what the statement returns */
	CS_OUTCOME_RESULT_MISMATCHED,
	CS_OUTCOME_RESULT_OPEN,		/* skipped: it could be another as well */
	CS_OUTCOME_RESULT_FORMLESS, /* skipped: equal values can have different
								 * bytes */
	CS_OUTCOME_RESULT_AGED,		/* skipped: it may be old */
	CS_OUTCOME_RESULT_CHANGED,	/* skipped: something has changed since */
	CS_OUTCOME_RESULT_FAILED,	/* skipped: running the statement failed */
	CS_N_OUTCOMES
} CsOutcome;

/* How many entries had which outcome. */
typedef struct CsVerified
{
	int64		n[CS_N_OUTCOMES];
} CsVerified;

extern Size cs_verified_shmem_size(void);
extern void cs_verified_shmem_init(void);
extern void cs_verified_count(const CsVerified *verified);
extern void cs_verified_note(CsOutcome outcome);
extern int64 cs_verified_skipped(const CsVerified *verified);
extern Datum cs_verified_reasons(const CsVerified *verified);

#endif							/* CS_VERIFIED_H */
