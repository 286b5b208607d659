/*-------------------------------------------------------------------------
 *
 * constrain.c
 *		DDL that constrains or converts a table's rows, and deferred writes.
 *
 * ADD CHECK, SET NOT NULL and similar commands examine the table's rows, and
 * ALTER COLUMN ... TYPE and ADD COLUMN ... DEFAULT give them other values.
 * Deferred writes were checked by the constraints of their time, and are of
 * the columns of their time, so they are flushed first: the command then does
 * to a deferred value what it does to one in the table.  The lock, which is
 * the command's own if that is stronger, prevents other transactions from
 * deferring until this one ends.  If something cannot be flushed the command
 * fails, because the violation would otherwise be found too late.
 *
 * A transaction that has deferred a write itself, or has changed a row for
 * which others have deferred writes, cannot flush and must commit first.
 *
 * Two commands flush what they can, and do not fail if that is nothing: ADD
 * FOREIGN KEY the table that the key refers to, and CREATE UNIQUE INDEX
 * CONCURRENTLY, during which sessions go on deferring.
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
#include "attach/repair.h"
#include "compat.h"
#include "relation/attached.h"
#include "relation/binding.h"
#include "relation/triggers.h"
#include "writeback/deferred.h"
#include "writeback/journalread.h"
#include "writeback/merge.h"
#include "writeback/state.h"
#include "writeback/xactdelta.h"

/* ----- commands ----- */

/*
 * Whether a new column has a value in existing rows, or restricts it.  A row
 * that only the cache has would get neither.
 */
static bool
fills_column(const ColumnDef *column)
{
	ListCell   *lc;
	Oid			type;

	foreach(lc, column->constraints)
	{
		if (((const Constraint *) lfirst(lc))->contype != CONSTR_NULL)
			return true;
	}
	if (column->typeName->pct_type)
		return true;			/* to look it up sends a NOTICE */
	type = LookupTypeNameOid(NULL, column->typeName, true);
	return OidIsValid(type) && get_typtype(type) == TYPTYPE_DOMAIN;
}

/*
 * Whether the command examines or changes existing rows, or restricts future
 * ones.
 */
bool
cs_constrain_constrains(const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AddConstraint:
		case AT_AlterConstraint:
		case AT_SetNotNull:
		case AT_AlterColumnType:
		case AT_AddIdentity:
		case AT_SetIdentity:
			return true;
		case AT_AddColumn:
			return fills_column((const ColumnDef *) cmd->def);
		default:
			return cs_alter_recomputes(cmd->subtype);
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
 * Whether there are deferred writes of other transactions.  What this one has
 * flushed does not count: it may have changed the rows since.
 */
static bool
has_others(const CsBinding *binding)
{
	if (!cs_state_is_open(binding->slot) && cs_journalread_has_pending(binding->relid))
		return true;
	return cs_deferred_any(binding->slot);
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
flush(Oid relid, LOCKMODE lockmode)
{
	LockRelationOid(relid, Max(lockmode, ShareRowExclusiveLock));
	if (cs_triggers_any(relid) && is_deferring(cs_binding_get(relid)))
		flush_binding(cs_binding_get(relid));
}

/*
 * Whether writes of the table are deferred, according to its options.
 */
static bool
defers(Oid relid, CsOptions *options)
{
	return cs_attached_read(relid, options) && strcmp(options->strategy, "write_back") == 0;
}

/*
 * Flush the table and those below it, whose rows are about to be constrained.
 * 'lockmode' is the lock that the command will take.  A weaker one first could
 * end in a deadlock with a transaction that has read the table, and writes
 * then.  Throws if it is impossible to flush.
 */
void
cs_constrain_table(Oid relid, LOCKMODE lockmode)
{
	ListCell   *lc;

	if (!cs_class_ownercheck(relid, GetUserId()))
		return;					/* the command itself will report this */
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		CsOptions	options;

		if (defers(lfirst_oid(lc), &options))
			flush(lfirst_oid(lc), lockmode);
	}
	CommandCounterIncrement();
}

/* ----- flushing what can be flushed ----- */

/*
 * Flush the table, which is locked, if that is possible.
 */
static void
try_flush(Oid relid)
{
	if (cs_triggers_any(relid))
		cs_repair_try_flush(relid);
	CommandCounterIncrement();
}

/*
 * Whether the role may make foreign keys that refer to the table.
 */
static bool
may_reference(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_REFERENCES) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_REFERENCES, ACLMASK_ANY) == ACLCHECK_OK;
}

/*
 * A foreign key of the table 'relid' is about to refer to another table.  The
 * locks are those of the command, in its order.
 */
void
cs_constrain_referenced(Oid relid, Oid referenced, LOCKMODE lockmode)
{
	CsOptions	options;

	if (!cs_class_ownercheck(relid, GetUserId()) || !may_reference(referenced) ||
		!defers(referenced, &options))
		return;
	LockRelationOid(relid, lockmode);
	LockRelationOid(referenced, ShareRowExclusiveLock);
	try_flush(referenced);
}

/*
 * The table is about to get a unique index while others write: they are not
 * kept from it here either.
 */
void
cs_constrain_concurrently(Oid relid)
{
	CsOptions	options;
	CsBinding  *binding;

	if (!cs_class_ownercheck(relid, GetUserId()) || !defers(relid, &options))
		return;
	LockRelationOid(relid, RowExclusiveLock);
	binding = cs_binding_get(relid);
	if (is_deferring(binding) && cs_state_is_open(binding->slot))
		try_flush(relid);
}

/*
 * The table has got a foreign key.  Changes of these columns of it go on being
 * deferred, as cache.attach() allows that too.
 */
void
cs_constrain_tell_foreign_key(Oid relid, List *columns)
{
	CsBinding  *binding = cs_binding_get(relid);
	ListCell   *lc;

	if (!is_deferring(binding))
		return;
	foreach(lc, columns)
	{
		const char *column = strVal(lfirst(lc));

		if (cs_merge_column(cs_merge_get(binding), get_attnum(relid, column)) == NULL)
			continue;
		ereport(NOTICE,
				(errmsg("the foreign key of column \"%s\" of table \"%s\" is checked when deferred changes are flushed",
						column, binding->name),
				 errdetail("A change that breaks it becomes a dead letter."),
				 errhint("To have changes of the column checked at once, attach the table without a merge rule for it.")));
	}
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
			flush(lfirst_oid(lc), ShareRowExclusiveLock);
	}
	CommandCounterIncrement();
}

/* ----- typed tables ----- */

/*
 * Whether the table is one of the type.
 */
static bool
is_of_type(Oid relid, Oid type)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_class) GETSTRUCT(tuple))->reloftype == type;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Flush all tables of a composite type, before ALTER TYPE changes the type of
 * their columns.  The type's owner may not own the tables.
 */
void
cs_constrain_typed(Oid relid, LOCKMODE lockmode)
{
	Oid			type = get_rel_type_id(relid);
	ListCell   *lc;

	if (!OidIsValid(type) || !cs_type_ownercheck(type, GetUserId()))
		return;
	foreach(lc, cs_attached_deferring())
	{
		if (is_of_type(lfirst_oid(lc), type))
			flush(lfirst_oid(lc), lockmode);
	}
	CommandCounterIncrement();
}

/* ----- refused commands ----- */

/*
 * Throw 55000 for a rule on a table whose writes are deferred, as
 * cache.attach() would refuse the table.
 */
void
cs_constrain_refuse_rule(Oid relid)
{
	CsOptions	options;

	if (cs_class_ownercheck(relid, GetUserId()) && defers(relid, &options))
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

	if (cs_class_ownercheck(relid, GetUserId()) && defers(relid, &options) && options.durable)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot make table \"%s\" unlogged while its writes are deferred durably",
						get_rel_name(relid)),
				 errdetail("An unlogged table is empty after a crash."),
				 errhint("Attach it with durable => false first.")));
}
