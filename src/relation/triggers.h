/*-------------------------------------------------------------------------
 *
 * triggers.h
 *		The triggers that report changes to the cache: creating them, and
 *		checking that they are in force.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRIGGERS_H
#define CS_TRIGGERS_H

#include "relation/binding.h"

/* Names of triggers of tables begin with it, but for the settling one's. */
#define CS_TRIGGER_PREFIX	"cache_strategies_"

/* Purpose of a trigger. */
typedef enum CsPurpose
{
	CS_FOR_ROWS,				/* report changed rows */
	CS_FOR_STATEMENTS,			/* the same, if CsTriggerNeeds.by_statement */
	CS_FOR_INSERTS,				/* the same, if on_insert */
	CS_FOR_SETTLING,			/* combine changes with deferred ones */
	CS_FOR_TRACKING,			/* report that there was a change */
	CS_FOR_CATALOG				/* report changes of the extension's own
								 * tables */
} CsPurpose;

typedef struct CsOwnTrigger
{
	const char *name;			/* NULL at the end of the list */
	CsPurpose	purpose;
	char		enabled;		/* as in pg_trigger */
} CsOwnTrigger;

extern const CsOwnTrigger cs_triggers_list[];
extern const CsOwnTrigger *cs_triggers_own(const char *name);

/* Not 0 while our own DDL is being executed. */
extern int	cs_triggers_making;
extern void cs_triggers_create(const CsBinding *binding);
extern void cs_triggers_drop(Oid relid, const char *qualified_name);
extern bool cs_triggers_is_settling(const char *name);

/* for tracking */
extern void cs_triggers_track(Oid relid, const char *qualified_name, bool by_row,
							  bool only_inserts);
extern void cs_triggers_untrack(Oid relid, const char *qualified_name);
extern bool cs_triggers_track_is_there(Oid relid);
extern bool cs_triggers_any(Oid relid);
extern bool cs_triggers_restore(Oid relid, const char *qualified_name);
extern bool cs_triggers_settle(CsBinding *binding);
extern bool cs_triggers_defers(const Trigger *trigger);
extern bool cs_triggers_may_defer(Relation rel);
extern void cs_triggers_require(const CsBinding *binding);

typedef enum CsInForce
{
	CS_IN_FORCE,
	CS_NOT_IN_FORCE,
	CS_NOT_TO_BE_SEEN			/* a lock was not available without waiting */
} CsInForce;

extern CsInForce cs_triggers_look(const CsTree *tree, const CsBinding *binding,
								  const bool *outdated, bool *keyed);
extern char *cs_triggers_problem(Oid relid, bool attached, bool *mend);
extern bool cs_triggers_activate(CsBinding *binding);

#endif							/* CS_TRIGGERS_H */
