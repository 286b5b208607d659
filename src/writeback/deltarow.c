/*-------------------------------------------------------------------------
 *
 * deltarow.c
 *		Applying a delta to the table's row, and checking whether the table
 *		would accept the result.
 *
 * Applying a delta converts each value to the present type and typmod of its
 * column.  This happens on every read of a key with deferred writes, so the
 * required lookups are kept with the binding.  Constraints are checked once,
 * when the write is deferred, by the executor, so that the errors are the
 * same.  That runs as the writer, so it must run no more code than a plain
 * UPDATE would: domains of columns that are not set are not checked, and
 * generated columns are computed only if they change.  For a table that has
 * only NOT NULL and domain constraints, the executor is used only if a row has
 * a NULL in the wrong place.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "writeback/combine.h"
#include "writeback/deltarow.h"
#include "writeback/merge.h"

/* The row of a slot as a composite datum of the binding's row type. */
HeapTupleHeader
cs_deltarow_from_slot(const CsBinding *binding, TupleTableSlot *slot)
{
	HeapTupleHeader row;
	HeapTuple	tuple;

	slot_getallattrs(slot);
	tuple = heap_form_tuple(binding->tupdesc, slot->tts_values, slot->tts_isnull);
	row = DatumGetHeapTupleHeader(heap_copy_tuple_as_datum(tuple, binding->tupdesc));
	heap_freetuple(tuple);
	return row;
}

/* ----- casts ----- */

/*
 * Look up how values are converted to the column's type.
 */
static void
learn_cast(const CsBinding *binding, Form_pg_attribute att, CsCast *cast)
{
	Oid			function = InvalidOid;
	CoercionPathType path = COERCION_PATH_NONE;

	cast->typmod = att->atttypmod;
	cast->type = getBaseTypeAndTypmod(att->atttypid, &cast->typmod);
	if (cast->typmod >= 0)
		path = find_typmod_coercion_function(cast->type, &function);
	if (path == COERCION_PATH_FUNC)
		fmgr_info_cxt(function, &cast->length, binding->context);
	/* array elements have the typmod: the array's input function applies it */
	cast->by_text = path == COERCION_PATH_ARRAYCOERCE;
	cast->known = true;
}

/*
 * Apply the column's typmod to a value.
 */
static Datum
apply_typmod(const CsBinding *binding, CsCast *cast, Datum value)
{
	if (cast->by_text)
		return cs_combine_through_text(binding, value, cast->type, cast->type, cast->typmod);
	if (!OidIsValid(cast->length.fn_oid))
		return value;
	return cs_combine_length(binding, &cast->length, value, cast->typmod);
}

/*
 * Convert a change's value to the column's type and typmod.
 */
static Datum
cast_value(const CsBinding *binding, CsCast *cast, Form_pg_attribute att,
		   const CsColumnDelta *value)
{
	Datum		result = value->value;

	/* a composite datum must not contain TOAST pointers */
	if (att->attlen == -1 && value->type == cast->type &&
		VARATT_IS_EXTERNAL(DatumGetPointer(result)))
		result = PointerGetDatum(detoast_attr((struct varlena *) DatumGetPointer(result)));
	return apply_typmod(binding, cast,
						cs_combine_convert(binding, result, value->type, cast->type));
}

/* ----- applying ----- */

static bool
is_key(const CsBinding *binding, AttrNumber attnum)
{
	for (int i = 0; i < binding->nkeys; i++)
		if (binding->keys[i].attnum == attnum)
			return true;
	return false;
}

/*
 * Whether an existing row keeps this column: the spelling of its key, and its
 * identity.
 */
static bool
is_kept(const CsBinding *binding, Form_pg_attribute att)
{
	return is_key(binding, att->attnum) ||
		att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
}

/* Initial values of a new row, as rows that lack the columns are read. */
static void
blank_row(TupleDesc tupdesc, Datum *values, bool *nulls)
{
	for (int i = 0; i < tupdesc->natts; i++)
		values[i] = getmissingattr(tupdesc, i + 1, &nulls[i]);
}

/*
 * Apply the change of one column.
 */
static void
apply_column(CsBinding *binding, CsMergeState *state, Form_pg_attribute att,
			 const CsColumnDelta *change, Datum *value, bool *isnull)
{
	CsCast	   *cast = &state->casts[att->attnum - 1];
	CsColumnDelta result;

	if (!cast->known)
		learn_cast(binding, att, cast);
	if (change->rule == CS_RULE_REPLACE)
		result = *change;
	else
	{
		CsMergeColumn space;

		result.rule = CS_RULE_REPLACE;
		result.type = cast->type;
		result.isnull = *isnull;
		result.value = *value;
		cs_combine(binding, cs_merge_resolve_change(binding, change, &space), &result,
				   change);
	}
	*isnull = result.isnull;
	*value = result.isnull ? (Datum) 0 : cast_value(binding, cast, att, &result);
}

/*
 * Apply a delta to a row.
 *
 * Returns a new row of the binding's type, 'row' itself if nothing changes,
 * NULL if there is no row.  Values are converted to the column's type and
 * typmod, which may throw.  Ignores cancel and cancelled, and columns that the
 * table no longer has.
 */
HeapTupleHeader
cs_deltarow_apply(CsBinding *binding, HeapTupleHeader row, const CsDelta *delta)
{
	TupleDesc	tupdesc = binding->tupdesc;
	CsMergeState *state;
	Datum	   *values;
	bool	   *nulls;
	HeapTuple	tuple;

	if (cs_delta_is_empty(delta) || (row == NULL && !delta->whole))
		return row;
	state = cs_merge_state(binding);
	values = palloc(tupdesc->natts * sizeof(Datum));
	nulls = palloc(tupdesc->natts * sizeof(bool));
	if (row != NULL)
	{
		HeapTupleData old = cs_row_tuple(row);

		heap_deform_tuple(&old, tupdesc, values, nulls);
	}
	else
		blank_row(tupdesc, values, nulls);
	for (int i = 0; i < delta->n; i++)
	{
		const CsColumnDelta *change = &delta->columns[i];
		Form_pg_attribute att = cs_merge_attribute(binding, change->attnum);

		if (att == NULL || (delta->whole && row != NULL && is_kept(binding, att)))
			continue;
		apply_column(binding, state, att, change, &values[att->attnum - 1],
					 &nulls[att->attnum - 1]);
	}
	tuple = heap_form_tuple(tupdesc, values, nulls);
	pfree(values);
	pfree(nulls);
	return tuple->t_data;
}

/* ----- checking domains ----- */

/*
 * Whether domain_check() cannot be used, because it looks up the type's binary
 * input function.
 */
static bool
lacks_binary_input(Oid domain)
{
	Oid			base = getBaseType(domain);
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
	bool		lacks;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", base);
	lacks = !OidIsValid(((Form_pg_type) GETSTRUCT(tuple))->typreceive);
	ReleaseSysCache(tuple);
	return lacks;
}

/*
 * Look up the table's domains.
 */
static void
learn_checks(const CsBinding *binding, CsMergeState *state)
{
	TupleDesc	tupdesc = binding->tupdesc;
	CsDomain   *domains = MemoryContextAllocZero(binding->context,
												 Max(tupdesc->natts, 1) * sizeof(CsDomain));
	int			n = 0;

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (att->attisdropped || get_typtype(att->atttypid) != TYPTYPE_DOMAIN)
			continue;
		domains[n].attnum = att->attnum;
		domains[n].type = att->atttypid;
		domains[n].by_text = lacks_binary_input(att->atttypid);
		n++;
	}
	state->domains = domains;
	state->ndomains = n;
	state->is_partition = get_rel_relispartition(binding->relid);
	state->checks_known = true;
}

/*
 * Check a column's domain constraints.
 */
static void
check_domain(const CsBinding *binding, CsDomain *domain, HeapTuple tuple)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, domain->attnum, binding->tupdesc, &isnull);
	Form_pg_attribute att = TupleDescAttr(binding->tupdesc, domain->attnum - 1);
	char	   *text = NULL;

	/* a generated column is not computed yet */
	if (att->attgenerated != '\0')
		return;
	if (!domain->by_text)
	{
		domain_check(value, isnull, domain->type, &domain->state, binding->context);
		return;
	}
	if (!isnull)
		text = cs_combine_to_text(binding, getBaseType(domain->type), value);

	(void) cs_combine_from_text(binding, domain->type, att->atttypmod, text);
}

/* ----- checking by the executor ----- */

/* Throw 40001 if the table has changed since the binding was made. */
static void
check_shape(const CsBinding *binding, TupleDesc now)
{
	TupleDesc	then = binding->tupdesc;
	bool		same = then->natts == now->natts;

	for (int i = 0; i < then->natts && same; i++)
	{
		Form_pg_attribute a = TupleDescAttr(then, i);
		Form_pg_attribute b = TupleDescAttr(now, i);

		same = a->atttypid == b->atttypid && a->attisdropped == b->attisdropped;
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("table \"%s\" was changed concurrently", binding->name),
				 errhint("Try again.")));
}

/* Whether a generated column depends on one of these columns. */
static bool
feeds_generated(TupleDesc tupdesc, const Bitmapset *columns)
{
	TupleConstr *constr = tupdesc->constr;

	for (int i = 0; i < constr->num_defval; i++)
	{
		Bitmapset  *used = NULL;
		int			attnum = -1;

		if (TupleDescAttr(tupdesc, constr->defval[i].adnum - 1)->attgenerated == '\0')
			continue;
		pull_varattnos(stringToNode(constr->defval[i].adbin), 1, &used);
		while ((attnum = bms_next_member(columns, attnum)) >= 0)
			if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, used))
				return true;
	}
	return false;
}

static void
check_in(ResultRelInfo *target, TupleTableSlot *slot, EState *estate,
		 const Bitmapset *generate)
{
	TupleDesc	tupdesc = RelationGetDescr(target->ri_RelationDesc);

	slot->tts_tableOid = RelationGetRelid(target->ri_RelationDesc);
	if (tupdesc->constr == NULL)
		return;
	/* constraints may refer to generated columns */
	if (tupdesc->constr->has_generated_stored && feeds_generated(tupdesc, generate))
		ExecComputeStoredGenerated(target, estate, slot, CMD_INSERT);
	ExecConstraints(target, slot, estate);
}

/*
 * Check by the executor.  Nothing of this is kept, since it depends on the
 * user and the moment: functions in constraints may be replaced, or the right
 * to execute them revoked.
 */
static void
check_by_executor(const CsBinding *binding, HeapTuple tuple, bool is_partition,
				  const Bitmapset *generate)
{
	Relation	rel = table_open(binding->relid, AccessShareLock);
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot;

	check_shape(binding, RelationGetDescr(rel));
	InitResultRelInfo(target, rel, 0, NULL, 0);
	slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsHeapTuple);
	ExecStoreHeapTuple(tuple, slot, false);
	check_in(target, slot, estate, generate);
	if (is_partition)
		ExecPartitionCheck(target, slot, estate, true);
	ExecDropSingleTupleTableSlot(slot);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
	pfree(target);
	table_close(rel, AccessShareLock);
}

/*
 * Whether a NOT NULL column is NULL.
 */
static bool
lacks_value(const CsBinding *binding, HeapTuple tuple)
{
	TupleDesc	tupdesc = binding->tupdesc;

	if (tupdesc->constr == NULL || !tupdesc->constr->has_not_null)
		return false;
	for (int i = 0; i < tupdesc->natts; i++)
		if (TupleDescAttr(tupdesc, i)->attnotnull && heap_attisnull(tuple, i + 1, tupdesc))
			return true;
	return false;
}

/*
 * Check a row by the table's NOT NULL, CHECK and domain constraints, as an
 * UPDATE of these columns would (with the same errors), or an INSERT if they
 * are NULL. 'generate': generated columns that depend on them must be computed
 * first.
 */
void
cs_deltarow_check(CsBinding *binding, HeapTupleHeader row, const Bitmapset *columns,
				  bool generate)
{
	CsMergeState *state = cs_merge_state(binding);
	TupleConstr *constr = binding->tupdesc->constr;
	HeapTupleData tuple;

	if (row == NULL)
		return;
	if (!state->checks_known)
		learn_checks(binding, state);
	tuple = cs_row_tuple(row);
	for (int i = 0; i < state->ndomains; i++)
		if (columns == NULL || bms_is_member(state->domains[i].attnum, columns))
			check_domain(binding, &state->domains[i], &tuple);
	if (state->is_partition ||
		(constr != NULL && constr->num_check > 0) || lacks_value(binding, &tuple))
		check_by_executor(binding, &tuple, state->is_partition, generate ? columns : NULL);
}
