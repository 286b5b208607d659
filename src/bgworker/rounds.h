/*-------------------------------------------------------------------------
 *
 * rounds.h
 *		Rounds: work in a database that is done a little at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ROUNDS_H
#define CS_ROUNDS_H

#include "datatype/timestamp.h"

/* What a round is given, and what it reports. */
typedef struct CsRound
{
	uint64		position;		/* where to begin, and where it has ended */
	int64		limit;			/* so much is to be done */
	int64		done;
	int64		filled;
	bool		finished;		/* nothing is left to be done in the database */
} CsRound;

extern Size cs_rounds_shmem_size(void);
extern void cs_rounds_shmem_init(void);

/* In the launcher. */
extern TimestampTz cs_rounds_see_to(void);

/* In the worker. */
extern void cs_rounds_connect(Oid database);
extern void cs_rounds_begin(CsRound *round);
extern void cs_rounds_report(const CsRound *round);
extern bool cs_rounds_is_over(void);

#endif							/* CS_ROUNDS_H */
