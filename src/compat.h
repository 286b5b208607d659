/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Differences between PostgreSQL 15, 16, 17 and 18. This is the only file
 *		that uses PG_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMPAT_H
#define CS_COMPAT_H

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/acl.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "cache_strategies needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 170000
#define CsTransamVariables	TransamVariables
#define cs_lock_held(tag, mode) LockHeldByMe((tag), (mode), false)
#define cs_my_procno()		((int) MyProcNumber)
#define cs_my_lxid()		(MyProc->vxid.lxid)
#define CS_F_PG_COLUMN_TOAST_CHUNK_ID F_PG_COLUMN_TOAST_CHUNK_ID
#else
#define CS_F_PG_COLUMN_TOAST_CHUNK_ID InvalidOid
#define CsTransamVariables	ShmemVariableCache
#define cs_lock_held(tag, mode) LockHeldByMe((tag), (mode))
#define cs_my_procno()		(MyProc->pgprocno)
#define cs_my_lxid()		(MyProc->lxid)
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM >= 160000
#define cs_build_attrmap(from, to)	build_attrmap_by_name_if_req((from), (to), false)
#define cs_namespace_aclcheck(nsp, role, mode) \
	object_aclcheck(NamespaceRelationId, (nsp), (role), (mode))
#define cs_class_ownercheck(rel, role) \
	object_ownercheck(RelationRelationId, (rel), (role))
#define cs_type_ownercheck(type, role) \
	object_ownercheck(TypeRelationId, (type), (role))
#define cs_extension_ownercheck(extension, role) \
	object_ownercheck(ExtensionRelationId, (extension), (role))
#define cs_proc_aclcheck(proc, role, mode) \
	object_aclcheck(ProcedureRelationId, (proc), (role), (mode))
#define cs_proc_ownercheck(proc, role) \
	object_ownercheck(ProcedureRelationId, (proc), (role))
#define cs_database_aclcheck(db, role, mode) \
	object_aclcheck(DatabaseRelationId, (db), (role), (mode))
#define cs_check_can_set_role(member, role)	check_can_set_role((member), (role))
#else
#define cs_build_attrmap(from, to)	build_attrmap_by_name_if_req((from), (to))
#define cs_namespace_aclcheck(nsp, role, mode) \
	pg_namespace_aclcheck((nsp), (role), (mode))
#define cs_class_ownercheck(rel, role)	pg_class_ownercheck((rel), (role))
#define cs_type_ownercheck(type, role)	pg_type_ownercheck((type), (role))
#define cs_extension_ownercheck(extension, role) \
	pg_extension_ownercheck((extension), (role))
#define cs_proc_aclcheck(proc, role, mode) pg_proc_aclcheck((proc), (role), (mode))
#define cs_proc_ownercheck(proc, role)	pg_proc_ownercheck((proc), (role))
#define cs_database_aclcheck(db, role, mode) \
	pg_database_aclcheck((db), (role), (mode))
#define cs_check_can_set_role(member, role)	check_is_member_of_role((member), (role))
#endif

/*
 * The number of a wait event, which '*event' keeps.  Before version 17 all
 * extensions share one.
 */
static inline uint32
cs_wait_event(uint32 *event, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*event == 0)
		*event = WaitEventExtensionNew(name);
	return *event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

/* The xid that a virtual transaction has; invalid: none, or it has ended. */
static inline TransactionId
cs_vxid_xid(VirtualTransactionId vxid)
{
#if PG_VERSION_NUM >= 170000
	PGPROC	   *proc = ProcNumberGetProc(vxid.procNumber);

	return proc != NULL && proc->vxid.lxid == vxid.localTransactionId ? proc->xid
		: InvalidTransactionId;
#else
	PGPROC	   *proc = BackendIdGetProc(vxid.backendId);

	return proc != NULL && proc->lxid == vxid.localTransactionId ? proc->xid
		: InvalidTransactionId;
#endif
}

/*
 * Take a lock; take a lock only if that requires neither waiting nor missing
 * memory
 */
#if PG_VERSION_NUM >= 180000
#define cs_lock_take(tag, mode, local) \
	LockAcquireExtended((tag), (mode), false, false, true, (local), false)
#define cs_lock_try(tag, mode, local) \
	LockAcquireExtended((tag), (mode), false, true, false, (local), false)
#else
#define cs_lock_take(tag, mode, local) \
	LockAcquireExtended((tag), (mode), false, false, true, (local))
#define cs_lock_try(tag, mode, local) \
	LockAcquireExtended((tag), (mode), false, true, false, (local))
#endif

#if PG_VERSION_NUM >= 180000
#define cs_noreturn	pg_noreturn
#else
#define cs_noreturn	pg_attribute_noreturn()
#endif

/*
 * Whether CountDBConnections() counts the process; for walsenders that differs
 * between minor versions
 */
#if PG_VERSION_NUM >= 180000
#define cs_proc_is_counted(proc) ((proc)->isRegularBackend)
#else
#define cs_proc_is_counted(proc) (!(proc)->isBackgroundWorker)
#endif

/*
 * Whether there are columns that are computed when read, which a trigger's
 * tuples lack
 */
#if PG_VERSION_NUM >= 180000
#define cs_has_virtual_columns(tupdesc) \
	((tupdesc)->constr != NULL && (tupdesc)->constr->has_generated_virtual)
#else
#define cs_has_virtual_columns(tupdesc) false
#endif

#if PG_VERSION_NUM >= 180000
#define cs_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), NULL, (nkeys), 0)
#else
#define cs_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), (nkeys), 0)
#endif

/* Form a tuple without a header in memory of its own */
#if PG_VERSION_NUM >= 180000
#define cs_minimal_tuple(tupdesc, values, isnull) \
	heap_form_minimal_tuple((tupdesc), (values), (isnull), 0)
#else
#define cs_minimal_tuple(tupdesc, values, isnull) \
	heap_form_minimal_tuple((tupdesc), (values), (isnull))
#endif

/* Headers for nodes that add to EXPLAIN */
#if PG_VERSION_NUM >= 180000
#define CS_EXPLAIN_STATE_H	"commands/explain_state.h"
#define CS_EXPLAIN_FORMAT_H "commands/explain_format.h"
#else
#define CS_EXPLAIN_STATE_H	"commands/explain.h"
#define CS_EXPLAIN_FORMAT_H "commands/explain.h"
#endif

/*
 * Whether the role has the privileges that executing one level of a query
 * requires
 */
#if PG_VERSION_NUM >= 160000
#define cs_query_is_permitted(query) \
	ExecCheckPermissions((query)->rtable, (query)->rteperminfos, false)
#else
#define cs_query_is_permitted(query) ExecCheckRTPerms((query)->rtable, false)
#endif

/* Mark a range table entry as needing no privileges */
#if PG_VERSION_NUM >= 160000
#define cs_no_permissions(query, entry) \
	((void) addRTEPermissionInfo(&(query)->rteperminfos, (entry)))
#else
#define cs_no_permissions(query, entry) ((void) 0)
#endif

/* Outer joins among the members of a set of relations of a query */
#if PG_VERSION_NUM >= 160000
#define cs_outer_joins(root) ((root)->outer_join_rels)
#else
#define cs_outer_joins(root) ((Relids) NULL)
#endif

/* Translate expressions from a partitioned table to one of its partitions */
#if PG_VERSION_NUM >= 160000
#define cs_adjust_attrs(root, list, child) \
	((List *) adjust_appendrel_attrs_multilevel((root), (Node *) (list), (child), \
												(child)->top_parent))
#else
#define cs_adjust_attrs(root, list, child) \
	((List *) adjust_appendrel_attrs_multilevel((root), (Node *) (list), (child)->relids, \
												(child)->top_parent_relids))
#endif

/* Add an entry of a query's range table to a plan's, with its privileges */
static inline void
cs_add_entry(PlannedStmt *stmt, Query *query, RangeTblEntry *from, RangeTblEntry *to)
{
	stmt->rtable = lappend(stmt->rtable, to);
#if PG_VERSION_NUM >= 160000
	to->perminfoindex = 0;
	if (from->perminfoindex > 0)
		*addRTEPermissionInfo(&stmt->permInfos, to) =
			*getRTEPermissionInfo(query->rteperminfos, from);
#endif
}

/* Open a relation of the range table while the executor runs */
#if PG_VERSION_NUM >= 180000
#define cs_open_entry(estate, n) ExecGetRangeTableRelation((estate), (n), true)
#else
#define cs_open_entry(estate, n) ExecGetRangeTableRelation((estate), (n))
#endif

/* The primary key's index, unless it is deferrable */
#if PG_VERSION_NUM >= 180000
#define cs_primary_key_index(rel)	RelationGetPrimaryKeyIndex((rel), false)
#else
#define cs_primary_key_index(rel)	RelationGetPrimaryKeyIndex(rel)
#endif

/* The effective search path, for comparison at another time */
#if PG_VERSION_NUM >= 170000
#define CsSearchPath	SearchPathMatcher
#define cs_search_path_get(context) GetSearchPathMatcher(context)
#define cs_search_path_matches(path) SearchPathMatchesCurrentEnvironment(path)
#else
#define CsSearchPath	OverrideSearchPath
#define cs_search_path_get(context) GetOverrideSearchPath(context)
#define cs_search_path_matches(path) OverrideSearchPathMatchesCurrent(path)
#endif

/* List of all settings */
#if PG_VERSION_NUM >= 160000
#define cs_settings_list(n) get_guc_variables(n)
#else
#define cs_settings_list(n) (*(n) = GetNumConfigOptions(), get_guc_variables())
#endif

/* Kind of ordering of an operator */
#if PG_VERSION_NUM >= 180000
#define CsOrderKind	CompareType
#else
#define CsOrderKind	int16
#endif

/* JSON_VALUE() and similar expressions, which convert to any type */
#if PG_VERSION_NUM >= 170000
#define cs_is_json_query(node) IsA((node), JsonExpr)
#else
#define cs_is_json_query(node) false
#endif

/* The operator by which a path key orders values of the type */
#if PG_VERSION_NUM >= 180000
#define cs_pathkey_operator(key, type) \
	get_opfamily_member_for_cmptype((key)->pk_opfamily, (type), (type), (key)->pk_cmptype)
#else
#define cs_pathkey_operator(key, type) \
	get_opfamily_member((key)->pk_opfamily, (type), (type), (key)->pk_strategy)
#endif

/*
 * Columns set in each result relation of an UPDATE, in the order of its plan
 */
#if PG_VERSION_NUM >= 180000
#define cs_update_columns(mtstate, n) \
	((List *) list_nth((mtstate)->mt_updateColnosLists, (n)))
#else
#define cs_update_columns(mtstate, n) \
	((List *) list_nth(((ModifyTable *) (mtstate)->ps.plan)->updateColnosLists, (n)))
#endif

/*
 * The lists of actions of a MERGE for rows that the table has
 */
#if PG_VERSION_NUM >= 170000
#define CS_MERGE_LISTS		2	/* MATCHED, NOT MATCHED BY SOURCE */
#define cs_merge_actions(relinfo, n)	((relinfo)->ri_MergeActions[n])
#else
#define CS_MERGE_LISTS		1
#define cs_merge_actions(relinfo, n)	((relinfo)->ri_matchedMergeAction)
#endif

/*
 * Whether a kind of ALTER TABLE computes a generated column anew
 */
#if PG_VERSION_NUM >= 170000
#define cs_alter_recomputes(subtype) ((subtype) == AT_SetExpression)
#else
#define cs_alter_recomputes(subtype) false
#endif

/* Whether simplehash.h sets a table's size before it has the memory for it */
#define CS_SIMPLEHASH_RESIZES_FIRST (PG_VERSION_NUM < 170000)

#if PG_VERSION_NUM >= 170000
#define cs_interval_is_finite(interval) (!INTERVAL_NOT_FINITE(interval))
#else
#define cs_interval_is_finite(interval) true
#endif

#endif							/* CS_COMPAT_H */
