/*-------------------------------------------------------------------------
 *
 * merge.c
 *		Merge rules: which columns of a write_back table can be deferred, and
 *		how concurrent changes of them combine.
 *
 * They are given to cache.attach() as a JSON object that maps columns to
 * rules, and checked there.  A session resolves them to functions when it
 * first needs them, and keeps the result with the binding.  The table can
 * change after it was attached; a column that would be refused now is omitted
 * then, so its changes go to the table at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "nodes/nodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "writeback/combine.h"
#include "writeback/merge.h"
#include "writeback/sum.h"

/* Indexed by CsRule. */
static const char *const rule_names[] = {"add", "max", "min", "replace"};

/*
 * Name of a rule.
 */
const char *
cs_merge_rule_name(CsRule rule)
{
	return rule_names[rule];
}

static bool
find_rule(const char *name, CsRule *rule)
{
	for (int i = 0; name != NULL && i < lengthof(rule_names); i++)
		if (strcmp(name, rule_names[i]) == 0)
		{
			*rule = (CsRule) i;
			return true;
		}
	return false;
}

/* ----- the JSON object ----- */

typedef struct Entry
{
	char	   *column;
	char	   *rule;			/* NULL if it is not a string */
} Entry;

static char *
json_string(const JsonbValue *value)
{
	if (value->type != jbvString)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Entries of the object, as a list of Entry. */
static List *
read_object(Jsonb *merge)
{
	JsonbIterator *iterator = JsonbIteratorInit(&merge->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	Entry	   *entry = NULL;
	List	   *entries = NIL;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			entry = palloc0(sizeof(Entry));
			entry->column = json_string(&value);
			entries = lappend(entries, entry);
		}
		else if (token == WJB_VALUE && entry != NULL)
			entry->rule = json_string(&value);
	}
	return entries;
}

static AttrNumber
find_column(TupleDesc tupdesc, const char *name)
{
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att->attnum;
	}
	return InvalidAttrNumber;
}

/* ----- rules and types ----- */

static bool
resolve_add(CsMergeColumn *column)
{
	Oid			delta_type = cs_sum_delta_type(column->type);

	if (!OidIsValid(delta_type))
		return false;
	column->delta_type = delta_type;
	return true;
}

static bool
resolve_compare(CsMergeColumn *column)
{
	TypeCacheEntry *type = lookup_type_cache(column->type, TYPECACHE_CMP_PROC);

	if (!OidIsValid(type->cmp_proc))
		return false;
	fmgr_info(type->cmp_proc, &column->cmp);
	return true;
}

/*
 * Set what a rule needs for values of a type, which is no domain.  Returns
 * false if the rule does not fit.
 */
bool
cs_merge_resolve(CsMergeColumn *column, CsRule rule, Oid type)
{
	column->rule = rule;
	column->type = type;
	column->delta_type = type;
	column->collation = get_typcollation(type);
	column->typmod = -1;
	get_typlenbyvalalign(type, &column->typlen, &column->typbyval, &column->typalign);
	switch (rule)
	{
		case CS_RULE_ADD:
			return resolve_add(column);
		case CS_RULE_MAX:
		case CS_RULE_MIN:
			return resolve_compare(column);
		case CS_RULE_REPLACE:
			return true;
	}
	return false;
}

/*
 * Set what a rule needs for a column.
 */
static bool
resolve_column(CsMergeColumn *column, Form_pg_attribute att, CsRule rule)
{
	int32		typmod = att->atttypmod;

	memset(column, 0, sizeof(*column));
	if (!cs_merge_resolve(column, rule, getBaseTypeAndTypmod(att->atttypid, &typmod)))
		return false;
	column->attnum = att->attnum;
	column->typmod = typmod;
	column->collation = att->attcollation;
	return true;
}

/*
 * Rule for a change of a column.  The change may have been made under another
 * rule, or when the column had another type; then the description is put into
 * 'space'.
 */
const CsMergeColumn *
cs_merge_resolve_change(CsBinding *binding, const CsColumnDelta *change,
						CsMergeColumn *space)
{
	const CsMergeColumn *column = cs_merge_column(cs_merge_get(binding), change->attnum);
	Form_pg_attribute att = cs_merge_attribute(binding, change->attnum);

	if (column != NULL && column->rule == change->rule)
		return column;
	if (resolve_column(space, att, change->rule))
		return space;
	if (!cs_merge_resolve(space, change->rule, change->type))
		elog(ERROR, "merge rule \"%s\" does not fit a deferred value of type %u",
			 rule_names[change->rule], change->type);
	space->attnum = change->attnum;
	return space;
}

/* ----- uses of a column ----- */

/*
 * Whether an expression uses the column or the whole row.
 */
static bool
uses_column(Node *expression, AttrNumber attnum)
{
	Bitmapset  *used = NULL;

	pull_varattnos(expression, 1, &used);
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used) ||
		bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, used);
}

static bool
index_uses_column(Relation index, AttrNumber attnum)
{
	Form_pg_index form = index->rd_index;

	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] == attnum)
			return true;
	return uses_column((Node *) RelationGetIndexExpressions(index), attnum) ||
		uses_column((Node *) RelationGetIndexPredicate(index), attnum);
}

/*
 * Reason why an index prevents deferring changes of the column; NULL if none.
 */
static char *
index_reason(Relation index, AttrNumber attnum)
{
	Form_pg_index form = index->rd_index;

	if (!(form->indisunique || form->indisexclusion) || !index_uses_column(index, attnum))
		return NULL;
	if (form->indisprimary)
		return pstrdup("It is part of the primary key.");
	if (form->indisexclusion)
		return psprintf("It is under exclusion constraint \"%s\".",
						RelationGetRelationName(index));
	return psprintf("It is under unique index \"%s\".", RelationGetRelationName(index));
}

/*
 * Reason why an index of the table prevents deferring.  Two deltas that are
 * valid individually could violate a unique index when they are written.
 */
static char *
unique_reason(Relation rel, AttrNumber attnum)
{
	char	   *reason = NULL;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		reason = index_reason(index, attnum);
		index_close(index, AccessShareLock);
		if (reason != NULL)
			break;
	}
	return reason;
}

/*
 * Reason why an index of a partition prevents deferring; partitions can have
 * unique indexes of their own.
 */
static char *
partition_reason(Relation rel, const char *column)
{
	List	   *all = find_all_inheritors(RelationGetRelid(rel), AccessShareLock, NULL);
	ListCell   *lc;

	foreach(lc, all)
	{
		Relation	part = table_open(lfirst_oid(lc), NoLock);
		char	   *reason = unique_reason(part, find_column(RelationGetDescr(part), column));

		if (reason != NULL)
			reason = psprintf("In partition \"%s\": %s", RelationGetRelationName(part),
							  reason);
		table_close(part, NoLock);
		if (reason != NULL)
			return reason;
	}
	return NULL;
}

/*
 * Reason why a generated column prevents deferring.
 */
static char *
generated_reason(TupleDesc tupdesc, AttrNumber attnum)
{
	TupleConstr *constr = tupdesc->constr;

	if (TupleDescAttr(tupdesc, attnum - 1)->attgenerated != '\0')
		return pstrdup("It is a generated column.");
	if (TupleDescAttr(tupdesc, attnum - 1)->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
		return pstrdup("It is an identity column that is GENERATED ALWAYS.");
	for (int i = 0; constr != NULL && i < constr->num_defval; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, constr->defval[i].adnum - 1);

		if (att->attgenerated != '\0' &&
			uses_column(stringToNode(constr->defval[i].adbin), attnum))
			return psprintf("It is used by generated column \"%s\".", NameStr(att->attname));
	}
	return NULL;
}

/*
 * Reason why the column's type prevents deferring.
 */
static char *
rows_reason(TupleDesc tupdesc, AttrNumber attnum)
{
	Oid			type = TupleDescAttr(tupdesc, attnum - 1)->atttypid;

	if (!cs_combine_holds_rows(type))
		return NULL;
	return psprintf("Its type %s holds rows, whose type may be altered before they are written.",
					format_type_be(type));
}

/*
 * Whether a value of the column may be refused because of a constraint or its
 * type.
 */
static bool
is_constrained(TupleDesc tupdesc, const CsMergeColumn *column)
{
	Form_pg_attribute att = TupleDescAttr(tupdesc, column->attnum - 1);
	TupleConstr *constr = tupdesc->constr;

	if (att->atttypid != column->type || column->typmod >= 0 ||
		(att->attnotnull && column->rule == CS_RULE_REPLACE))
		return true;
	for (int i = 0; constr != NULL && i < constr->num_check; i++)
		if (uses_column(stringToNode(constr->check[i].ccbin), column->attnum))
			return true;
	return false;
}

/* Whether partitions have additional CHECK constraints. */
static bool
parts_are_constrained(const CsBinding *binding)
{
	TupleConstr *constr = binding->tupdesc->constr;
	int			inherited = constr != NULL ? constr->num_check : 0;

	for (int i = 0; i < binding->tree.nparts; i++)
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(binding->tree.parts[i]));
		bool		more;

		if (!HeapTupleIsValid(tuple))
			continue;
		more = ((Form_pg_class) GETSTRUCT(tuple))->relchecks > inherited;
		ReleaseSysCache(tuple);
		if (more)
			return true;
	}
	return false;
}

/* ----- rules of a binding ----- */

static int
compare_columns(const void *a, const void *b)
{
	return ((const CsMergeColumn *) a)->attnum - ((const CsMergeColumn *) b)->attnum;
}

/*
 * Whether changes of the column can be deferred.
 */
static bool
may_defer(const CsBinding *binding, Relation rel, AttrNumber attnum)
{
	return attnum != InvalidAttrNumber &&
		rows_reason(binding->tupdesc, attnum) == NULL &&
		generated_reason(binding->tupdesc, attnum) == NULL &&
		unique_reason(rel, attnum) == NULL;
}

/*
 * Add the rule of one column, unless it would be refused now.
 */
static void
add_entry(CsMerge *merge, const CsBinding *binding, Relation rel, const Entry *entry,
		  MemoryContext context)
{
	TupleDesc	tupdesc = binding->tupdesc;
	CsMergeColumn *column = &merge->columns[merge->n];
	AttrNumber	attnum = find_column(tupdesc, entry->column);
	MemoryContext old;
	CsRule		rule;

	if (!find_rule(entry->rule, &rule) || !may_defer(binding, rel, attnum))
		return;
	old = MemoryContextSwitchTo(context);
	if (resolve_column(column, TupleDescAttr(tupdesc, attnum - 1), rule))
	{
		merge->attnums = bms_add_member(merge->attnums, attnum);
		merge->n++;
	}
	MemoryContextSwitchTo(old);
}

/*
 * Add all rules.
 */
static void
add_entries(CsMerge *merge, const CsBinding *binding, MemoryContext context)
{
	List	   *entries = read_object(binding->options.merge);
	Relation	rel = try_table_open(binding->relid, AccessShareLock);
	ListCell   *lc;

	if (rel == NULL)
		return;
	merge->columns = MemoryContextAllocZero(context, Max(list_length(entries), 1) *
											sizeof(CsMergeColumn));
	foreach(lc, entries)
		add_entry(merge, binding, rel, lfirst(lc), context);
	table_close(rel, AccessShareLock);
	qsort(merge->columns, merge->n, sizeof(CsMergeColumn), compare_columns);
	merge->constrained = merge->n > 0 && parts_are_constrained(binding);
	for (int i = 0; i < merge->n && !merge->constrained; i++)
		merge->constrained = is_constrained(binding->tupdesc, &merge->columns[i]);
}

/*
 * Resolve the rules.  Only the result is allocated in a context of the
 * binding.
 */
static CsMergeState *
make_state(const CsBinding *binding)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cache_strategies merge rules",
												  ALLOCSET_SMALL_SIZES);
	CsMergeState *state = MemoryContextAllocZero(context, sizeof(CsMergeState));

	state->casts = MemoryContextAllocZero(context, Max(binding->tupdesc->natts, 1) *
										  sizeof(CsCast));
	if (binding->options.merge != NULL)
		add_entries(&state->merge, binding, context);
	MemoryContextSetParent(context, binding->context);
	return state;
}

/*
 * The binding's merge rules, resolved when first needed.  Columns that the
 * table does not have are omitted.
 */
const CsMerge *
cs_merge_get(CsBinding *binding)
{
	if (binding->merge == NULL)
		binding->merge = &make_state(binding)->merge;
	return binding->merge;
}

/*
 * As cs_merge_get(), with everything that deltas keep with a binding.
 */
CsMergeState *
cs_merge_state(CsBinding *binding)
{
	(void) cs_merge_get(binding);
	return (CsMergeState *) binding->merge;
}

/*
 * Rule of a column; NULL if it has none.
 */
const CsMergeColumn *
cs_merge_column(const CsMerge *merge, AttrNumber attnum)
{
	for (int i = 0; i < merge->n; i++)
		if (merge->columns[i].attnum == attnum)
			return &merge->columns[i];
	return NULL;
}

/* ----- checks of cache.attach() ----- */

static void
refuse_type(Relation rel, Form_pg_attribute att, CsRule rule)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("merge rule \"%s\" does not fit column \"%s\" of table \"%s\", which is of type %s",
					rule_names[rule], NameStr(att->attname), RelationGetRelationName(rel),
					format_type_be(att->atttypid)),
			 rule == CS_RULE_ADD ?
			 errdetail("Numbers, money and intervals can be added.") :
			 errdetail("The type has no default btree operator class.")));
}

/*
 * Check the rule of one column.
 */
static void
check_entry(Relation rel, const Entry *entry)
{
	TupleDesc	tupdesc = RelationGetDescr(rel);
	AttrNumber	attnum = find_column(tupdesc, entry->column);
	CsMergeColumn column;
	CsRule		rule;
	char	   *reason;

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist",
						entry->column, RelationGetRelationName(rel)),
				 errhint("The names in merge are those of columns, without quotes and with the letter case that they have.")));
	if (!find_rule(entry->rule, &rule))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 entry->rule != NULL ?
				 errmsg("unrecognized merge rule \"%s\" for column \"%s\"",
						entry->rule, entry->column) :
				 errmsg("merge rule for column \"%s\" must be a string", entry->column),
				 errdetail("The rules are add, max, min and replace.")));
	reason = generated_reason(tupdesc, attnum);
	if (reason == NULL)
		reason = rows_reason(tupdesc, attnum);
	if (reason == NULL)
		reason = unique_reason(rel, attnum);
	if (reason == NULL && rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		reason = partition_reason(rel, entry->column);
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("changes of column \"%s\" of table \"%s\" cannot be deferred",
						entry->column, RelationGetRelationName(rel)),
				 errdetail("%s", reason)));
	if (!resolve_column(&column, TupleDescAttr(tupdesc, attnum - 1), rule))
		refuse_type(rel, TupleDescAttr(tupdesc, attnum - 1), rule);
}

/*
 * Check the merge option of cache.attach().
 *
 * Throws unless each name is a column of the table, each rule is known and
 * fits its type, and no column is part of the primary key, generated (also as
 * identity), used by a generated column, or in a unique index or exclusion
 * constraint.  NULL is valid.
 */
void
cs_merge_check(Relation rel, Jsonb *merge)
{
	ListCell   *lc;

	if (merge == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(merge))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("merge must be a JSON object"),
				 errhint("For example: {\"views\": \"add\", \"last_seen\": \"max\"}")));
	foreach(lc, read_object(merge))
		check_entry(rel, lfirst(lc));
}
