/*-------------------------------------------------------------------------
 *
 * keeper.h
 *		One run of a plain statement: finding a result that holds for its
 *		snapshot, and keeping what it has computed under that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEEPER_H
#define CS_KEEPER_H

#include "kv/kv.h"
#include "queryresult/comment.h"
#include "queryresult/depends.h"
#include "queryresult/shape.h"
#include "queryresult/tally.h"
#include "utils/snapshot.h"

typedef struct CsKeeper
{
	uint64		shape;			/* number */
	int			ntables;
	Oid		   *tables;
	List	   *conditions;		/* of CsOccurrence, bound to the parameters;
								 * of the plan that is run */
	bool		timely;
	Snapshot	snapshot;		/* S; the executor's */
	CsStatementTerms terms;
	TimestampTz asof;			/* S is not older; by cs_clock_now() */
	CsSpace		space;
	CsKvKey		key;
	bool		own;			/* has to do with nothing that is kept, as the
								 * transaction may have changed a table */
	CsDepends	token;			/* of cs_keeper_could_keep() */
} CsKeeper;

/* What is there for a run. */
typedef struct CsFinding
{
	char	   *data;			/* palloc'd; NULL: no result that may be used */
	Size		len;
	TimestampTz expires;
	bool		exact;
	bool		ahead;			/* soon too old: a session should compute it
								 * anew */
	int64		cost;			/* of computing what was found, in
								 * nanoseconds; 0: not known */
	CsTallyCount missed;		/* why there is none */
	Oid			fell;			/* the table that has ended it, or InvalidOid */
} CsFinding;

/*
 * False: the run has nothing to do with what is kept, and '*why' says why.
 * All is allocated in the current context.
 */
extern bool cs_keeper_begin(CsKeeper *keeper, const CsShape *shape, ParamListInfo params,
							Snapshot snapshot, const CsStatementTerms *terms,
							const char **why);

/* The conditions of the plan that is to be run, as they are in its node. */
extern void cs_keeper_set_conditions(CsKeeper *keeper, List *nodes, const CsShape *shape,
									 ParamListInfo params);

/* What was given to cs_keeper_keep(), if it may be used under S. */
extern bool cs_keeper_find(CsKeeper *keeper, CsFinding *finding);

/* For the counters of the role's space. */
extern void cs_keeper_sample(const CsKeeper *keeper, const CsFinding *finding, bool hit);
extern void cs_keeper_count(const CsKeeper *keeper, const CsFinding *finding, bool hit);

/* Of the data that the result would be computed from, after could_keep(). */
extern uint64 cs_keeper_flight(const CsKeeper *keeper);
extern bool cs_keeper_stands(void *keeper);

/* Would that be found?  Nothing is counted. */
extern bool cs_keeper_is_there(const CsKeeper *keeper);

/*
 * Before the run: could its result be kept, as things are?  Else copying it is
 * in vain.
 */
extern bool cs_keeper_could_keep(CsKeeper *keeper, const char **why);

/*
 * After the run, with all rows: keep them if they may be.  'cost' is what
 * computing took, in nanoseconds; 0: not known.
 */
extern bool cs_keeper_keep(CsKeeper *keeper, const char *data, Size len, int64 cost,
						   const char **why);

/*
 * What a result of the run would depend on, of char *: tables, or values of a
 * column, as "table (column = value)".
 */
extern void cs_keeper_describe(const CsKeeper *keeper, List **tables, List **values);

/* The largest result that can be kept, in bytes. */
extern Size cs_keeper_limit(void);

#endif							/* CS_KEEPER_H */
