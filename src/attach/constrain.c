/*-------------------------------------------------------------------------
 *
 * constrain.c
 *		DDL that constrains a table's rows, and deferred writes.
 *
 * ADD CHECK, SET NOT NULL and similar commands examine the table's rows.
 * Deferred writes were checked by the constraints of their time, so they are
 * flushed first: the command then fails for a deferred value as it does for
 * one in the table.  The lock prevents other transactions from deferring until
 * this one ends.  If something cannot be flushed the command fails, because
 * the violation would otherwise be found too late.
 *
 * A transaction that has deferred a write itself, or has changed a row for
 * which others have deferred writes, cannot flush and must commit first.
 *
 * While a dump is being restored, a table gets its constraints before our
 * triggers.  The journal may be incomplete then, and no writes are deferred.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "attach/constrain.h"
#include "attach/detach.h"
#include "compat.h"
#include "relation/attached.h"
#include "relation/binding.h"
#include "relation/triggers.h"
#include "store/store.h"
#include "writeback/journalread.h"
#include "writeback/state.h"
#include "writeback/xactdelta.h"

/* ----- commands ----- */

static bool
has_check(const ColumnDef *column)
{
	ListCell   *lc;

	foreach(lc, column->constraints)
	{
		if (((const Constraint *) lfirst(lc))->contype == CONSTR_CHECK)
			return true;
	}
	return false;
}

/* Whether the command examines existing rows or restricts future ones. */
bool
cs_constrain_constrains(const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AddConstraint:
		case AT_SetNotNull:
			return true;
		case AT_AddColumn:
			return has_check((const ColumnDef *) cmd->def);
		default:
			return false;
	}
}

/*
 * Whether the command adds a constraint to a domain.
 */
bool
cs_constrain_alters(const AlterDomainStmt *stmt)
{
	return stmt->subtype == 'C' || stmt->subtype == 'O';
}

/* ----- flushing ----- */

/*
 * Whether writes of the table are deferred.
 */
static bool
is_deferring(const CsBinding *binding)
{
	return binding != NULL && binding->nkeys > 0 && cs_binding_defers(binding) &&
		binding->slot >= 0;
}

/*
 * Whether there are deferred writes of other transactions.
 */
static bool
has_others(const CsBinding *binding)
{
	CsUsage		usage;

	if (!cs_state_is_open(binding->slot) && cs_journalread_has_pending(binding->relid))
		return true;
	cs_store_usage((uint32) binding->slot, &usage);
	return usage.dirty_entries > 0;
}

/*
 * Flush the table, or throw 55006.
 */
static void
flush_binding(const CsBinding *binding)
{
	if (cs_xactdelta_has_deferred(binding->slot) ||
		(has_others(binding) && cs_xactdelta_has_cancels(binding->slot)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot flush table \"%s\" because this transaction has changed rows of it",
						binding->name),
				 errdetail("The command has to see what is deferred for the table."),
				 errhint("Commit them first.")));
	if (has_others(binding))
		cs_detach_flush(binding->relid);
}

/*
 * Lock the table and flush it.
 */
static void
flush(Oid relid)
{
	LockRelationOid(relid, ShareRowExclusiveLock);
	if (cs_triggers_any(relid) && is_deferring(cs_binding_get(relid)))
		flush_binding(cs_binding_get(relid));
}

/*
 * Flush the table and those below it, whose rows are about to be constrained.
 * Throws if that is impossible.
 */
void
cs_constrain_table(Oid relid)
{
	ListCell   *lc;

	if (!cs_class_ownercheck(relid, GetUserId()))
		return;					/* the command itself will report this */
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		CsOptions	options;

		if (cs_attached_read(lfirst_oid(lc), &options) &&
			strcmp(options.strategy, "write_back") == 0)
			flush(lfirst_oid(lc));
	}
	CommandCounterIncrement();
}

/* ----- domains ----- */

/* Base type of a domain. */
static Oid
base_of(Oid domain)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(domain));
	Oid			base = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	base = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
	ReleaseSysCache(tuple);
	return base;
}

/* Whether the type is the domain, a domain over it, or an array of those. */
static bool
is_of_domain(Oid type, Oid domain)
{
	while (OidIsValid(type) && type != domain)
		type = get_typtype(type) == TYPTYPE_DOMAIN ? base_of(type) : get_element_type(type);
	return OidIsValid(type);
}

/*
 * Whether the table has a column of the domain.
 */
static bool
has_domain(Oid relid, Oid domain)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		found = false;

	if (rel == NULL)
		return false;
	for (int i = 0; i < RelationGetNumberOfAttributes(rel) && !found; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		found = !att->attisdropped && is_of_domain(att->atttypid, domain);
	}
	relation_close(rel, AccessShareLock);
	return found;
}

/*
 * Flush all tables with columns of a domain, before ALTER DOMAIN.  The
 * domain's owner may not own the tables, but the command locks them and
 * examines their rows as well.
 */
void
cs_constrain_domain(const AlterDomainStmt *stmt)
{
	Oid			domain = LookupTypeNameOid(NULL, makeTypeNameFromNameList(stmt->typeName), true);
	ListCell   *lc;

	if (!OidIsValid(domain) || !cs_type_ownercheck(domain, GetUserId()))
		return;
	foreach(lc, cs_attached_deferring())
	{
		if (has_domain(lfirst_oid(lc), domain))
			flush(lfirst_oid(lc));
	}
	CommandCounterIncrement();
}

/* ----- refused commands ----- */

static bool
defers(Oid relid, CsOptions *options)
{
	return cs_class_ownercheck(relid, GetUserId()) && cs_attached_read(relid, options) &&
		strcmp(options->strategy, "write_back") == 0;
}

/*
 * Throw 55000 for a rule on a table whose writes are deferred, as
 * cache.attach() would refuse the table.
 */
void
cs_constrain_refuse_rule(Oid relid)
{
	CsOptions	options;

	if (defers(relid, &options))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot create a rule on table \"%s\" while its writes are deferred",
						get_rel_name(relid)),
				 errdetail("A rule may write elsewhere."),
				 errhint("Detach the table from the cache first, or use a trigger.")));
}

/*
 * Throw 55000 for SET UNLOGGED of a table whose writes are deferred durably.
 */
void
cs_constrain_refuse_unlogged(Oid relid)
{
	CsOptions	options;

	if (defers(relid, &options) && options.durable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot make table \"%s\" unlogged while its writes are deferred durably",
						get_rel_name(relid)),
				 errdetail("An unlogged table is empty after a crash."),
				 errhint("Attach it with durable => false first.")));
}
