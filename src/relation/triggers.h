/*-------------------------------------------------------------------------
 *
 * triggers.h
 *		The triggers that tell the cache of changes: making them, and making
 *		sure that they are in force.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRIGGERS_H
#define CS_TRIGGERS_H

#include "relation/binding.h"

/* What a trigger is there for. */
typedef enum CsPurpose
{
	CS_FOR_ROWS,				/* rows that are changed */
	CS_FOR_STATEMENTS,			/* the same, for CsTriggerNeeds.by_statement */
	CS_FOR_INSERTS,				/* the same, with on_insert */
	CS_FOR_SETTLING,			/* changes that meet deferred ones */
	CS_FOR_TRACKING,			/* that there has been a change */
	CS_FOR_CATALOG				/* changes of the extension's own tables */
} CsPurpose;

typedef struct CsOwnTrigger
{
	const char *name;			/* NULL: the end of the list */
	CsPurpose	purpose;
	char		enabled;		/* as in pg_trigger */
} CsOwnTrigger;

extern const CsOwnTrigger cs_triggers_list[];

/* The one with this name; NULL: it is not one of ours. */
extern const CsOwnTrigger *cs_triggers_own(const char *name);

/* Not 0: the DDL that is being executed is our own. */
extern int	cs_triggers_making;

extern void cs_triggers_create(const CsBinding *binding);
extern void cs_triggers_drop(Oid relid, const char *qualified_name);

/* The one that a change passes before it reaches a table with deferred writes? */
extern bool cs_triggers_is_settling(const char *name);

/* Those that only note that something has changed */
extern void cs_triggers_track(Oid relid, const char *qualified_name, bool by_row,
							  bool only_inserts);
extern void cs_triggers_untrack(Oid relid, const char *qualified_name);
extern bool cs_triggers_track_is_there(Oid relid);

/* Has it one of ours?  The caller has a lock. */
extern bool cs_triggers_any(Oid relid);

/*
 * ENABLE TRIGGER takes from our triggers that they fire ALWAYS, or in replicas:
 * give it back; were there any?  The caller has ShareRowExclusiveLock.
 */
extern bool cs_triggers_restore(Oid relid, const char *qualified_name);

/*
 * The caller has RowExclusiveLock on the table or more: do all direct changes
 * meet the deferred ones?
 */
extern bool cs_triggers_settle(CsBinding *binding);

/* The same lock: is there a trigger, enabled or not, that defers an UPDATE? */
extern bool cs_triggers_may_defer(Relation rel);

/*
 * Are the triggers for deferred writes there, in force or not?  Raises an error
 * if they are not.
 */
extern void cs_triggers_require(const CsBinding *binding);

typedef enum CsInForce
{
	CS_IN_FORCE,
	CS_NOT_IN_FORCE,
	CS_NOT_TO_BE_SEEN			/* one would have to wait for a lock */
} CsInForce;

/*
 * Under locks that hold DDL off, and with all that has ended known: do the
 * triggers of a table and all its partitions see what the binding needs, or,
 * without one, note every change?  Not if 'outdated' becomes true on the way.
 */
extern CsInForce cs_triggers_look(const CsTree *tree, const CsBinding *binding,
								  const bool *outdated);

/*
 * Why reads of an attached table bypass the cache, or why not all changes of a
 * tracked one are noted: a sentence without its end, NULL if that is not so.
 * 'mend': cache.repair() helps.  Waits for no lock.
 */
extern char *cs_triggers_problem(Oid relid, bool attached, bool *mend);

/*
 * Have the slot ACTIVE if the triggers see every change of the table; false if
 * they do not, or if that cannot be said without waiting.
 */
extern bool cs_triggers_activate(CsBinding *binding);

#endif							/* CS_TRIGGERS_H */
