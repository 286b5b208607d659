/*-------------------------------------------------------------------------
 *
 * statement.c
 *		The SQL statements that write deltas to their table.
 *
 * Each takes one array per column, with as many elements as there are keys:
 *
 *	UPDATE ONLY t AS r SET views = r.views + u.d3, ... FROM (SELECT ... FROM
 *		ROWS FROM (unnest($1), ...) WITH ORDINALITY AS x (k1, d3, ..., n)) AS u
 *		WHERE r.id = u.k1 RETURNING u.n
 *
 * and INSERT ... ON CONFLICT for whole rows.  Array elements have the base
 * type of the column, so that assignment checks domains and applies typmods.
 * Values that cannot be unnested unchanged (arrays, rows) are passed as text
 * and cast.
 *
 * Prepared statements are kept with the binding (CsPlan), one for each set of
 * columns with their rules.  They are planned each time, which is cheap
 * compared to their execution: the plan depends on the number of rows in the
 * table, which changes unnoticed.  The planner is made to look up one key
 * after the other, so that row locks are taken in the order of the keys.  Its
 * settings are in force only while planning (therefore a portal is used),
 * because user triggers make plans of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"

#include "guc.h"
#include "relation/loader.h"
#include "writeback/combine.h"
#include "writeback/merge.h"
#include "writeback/statement.h"
#include "writeback/sum.h"

typedef struct Setting
{
	const char *name;
	const char *value;
} Setting;

/*
 * Settings while planning.  Without page costs, only a tiny table can be the
 * outer side of a join.
 */
static const Setting planning[] = {
	{"enable_hashjoin", "off"},
	{"enable_mergejoin", "off"},
	{"enable_seqscan", "off"},
	{"enable_bitmapscan", "off"},
	{"enable_material", "off"},
	{"enable_memoize", "off"},
	{"random_page_cost", "0"},
	{"seq_page_cost", "0"},
	{"max_parallel_workers_per_gather", "0"},
	{"jit", "off"},
};

/* Settings for text, from which values must be restored unchanged. */
static const Setting converting[] = {
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "3"},
};

/* Settings for the statements' casts, whose xml need not be a document. */
static const Setting casting[] = {
	{"xmloption", "content"},
};

/*
 * In a set of columns, a member consists of attribute number and rule, and
 * whether a sum of integers can exceed 64 bits.
 */
#define RULE_BITS			2
#define WIDE				(1 << RULE_BITS)
#define MEMBER_BITS			(RULE_BITS + 1)
#define member_of(attnum, rule) (((int) (attnum) << MEMBER_BITS) | (int) (rule))
#define member_attnum(member)	((AttrNumber) ((member) >> MEMBER_BITS))
#define member_rule(member)		((CsRule) ((member) & ((1 << RULE_BITS) - 1)))
#define member_is_wide(member)	(((member) & WIDE) != 0)

/* ----- settings ----- */

static void
apply_settings(const Setting *settings, int n)
{
	for (int i = 0; i < n; i++)
		cs_guc_set_constant(settings[i].name, settings[i].value);
}

/* ----- columns and parameters ----- */

static Form_pg_attribute
attribute(const CsBinding *binding, AttrNumber attnum)
{
	return TupleDescAttr(binding->tupdesc, attnum - 1);
}

static const char *
column_name(const CsBinding *binding, AttrNumber attnum)
{
	return quote_identifier(NameStr(attribute(binding, attnum)->attname));
}

/*
 * Whether the delta's sum may exceed 64 bits.
 */
static bool
is_wide(const CsDelta *delta, const CsColumnDelta *column, Form_pg_attribute att)
{
	return !delta->whole && column->rule == CS_RULE_ADD && column->type == NUMERICOID &&
		cs_sum_delta_type(getBaseType(att->atttypid)) == INT8OID;
}

/*
 * Columns of a delta that the table can take, with their rules.  The sets are
 * equal for deltas that the same statement can write.  NULL if there are none.
 */
Bitmapset *
cs_statement_columns(const CsBinding *binding, const CsDelta *delta)
{
	Bitmapset  *columns = NULL;

	for (int i = 0; i < delta->n; i++)
	{
		const CsColumnDelta *column = &delta->columns[i];
		Form_pg_attribute att;

		if (column->attnum > binding->tupdesc->natts)
			continue;
		att = attribute(binding, column->attnum);
		if (att->attisdropped || att->attgenerated != '\0')
			continue;
		/* an identity column of a new row is filled by the table */
		if (delta->whole && column->isnull && att->attidentity != '\0')
			continue;
		columns = bms_add_member(columns,
								 member_of(att->attnum, delta->whole ?
										   CS_RULE_REPLACE : column->rule) |
								 (is_wide(delta, column, att) ? WIDE : 0));
	}
	return columns;
}

/* Type that a column's values must have: to be added, compared or assigned. */
static Oid
value_type(CsBinding *binding, AttrNumber attnum, CsRule rule)
{
	Oid			type = getBaseType(attribute(binding, attnum)->atttypid);
	const CsMergeColumn *column;

	if (rule != CS_RULE_ADD)
		return type;
	column = cs_merge_column(cs_merge_get(binding), attnum);
	if (column != NULL && column->rule == CS_RULE_ADD)
		return column->delta_type;
	/* the rule was removed after the delta was made */
	return type == INT2OID || type == INT4OID ? INT8OID : type;
}

/*
 * Add a parameter.
 */
static void
add_param(CsStatement *statement, int key, AttrNumber attnum, CsRule rule, Oid type)
{
	CsStatementParam *param = &statement->params[statement->nparams++];

	param->key = key;
	param->attnum = attnum;
	param->rule = rule;
	param->type = type;
	/* an array has no array type, and unnest() expands rows */
	param->element = OidIsValid(get_array_type(type)) && !type_is_rowtype(type)
		? type : TEXTOID;
}

static bool
is_generated(const CsBinding *binding, AttrNumber attnum)
{
	return attribute(binding, attnum)->attgenerated != '\0';
}

static bool
inserts(CsStatementKind kind)
{
	return kind == CS_STATEMENT_INSERT || kind == CS_STATEMENT_NEW;
}

/*
 * Describe the parameters: the columns of the key that are not in the row,
 * then the others.
 */
static void
describe_params(CsBinding *binding, CsStatement *statement, const Bitmapset *columns)
{
	bool		insert = inserts(statement->kind);
	int			member = -1;

	statement->params = palloc((binding->nkeys + bms_num_members(columns)) *
							   sizeof(CsStatementParam));
	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *key = &binding->keys[i];

		if (insert && (is_generated(binding, key->attnum) ||
					   bms_is_member(member_of(key->attnum, CS_RULE_REPLACE), columns)))
			continue;
		add_param(statement, i, key->attnum, CS_RULE_REPLACE, key->type);
	}
	while ((member = bms_next_member(columns, member)) >= 0)
		add_param(statement, -1, member_attnum(member), member_rule(member),
				  member_is_wide(member) ? NUMERICOID :
				  value_type(binding, member_attnum(member), member_rule(member)));
}

/* ----- building the text ----- */

/* Name of the parameter's column; those of the key are as for loader.c. */
static char *
param_name(const CsStatementParam *param)
{
	if (param->key >= 0)
		return psprintf("k%d", param->key + 1);
	return psprintf("d%d", param->attnum);
}

/*
 * "(SELECT ... FROM unnest ...) AS u", where column n is the number of the key
 */
static void
append_source(StringInfo buf, const CsStatement *statement)
{
	StringInfoData unnest;
	StringInfoData names;

	initStringInfo(&unnest);
	initStringInfo(&names);
	appendStringInfoString(buf, "(SELECT ");
	for (int i = 0; i < statement->nparams; i++)
	{
		const CsStatementParam *param = &statement->params[i];
		char	   *name = param_name(param);

		if (param->element == param->type)
			appendStringInfo(buf, "x.%s, ", name);
		else
			appendStringInfo(buf, "CAST(x.%s AS %s) AS %s, ", name,
							 format_type_extended(param->type, -1,
												  FORMAT_TYPE_FORCE_QUALIFY), name);
		appendStringInfo(&unnest, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
		appendStringInfo(&names, "%s, ", name);
	}
	appendStringInfo(buf, "x.n FROM ROWS FROM (%s) WITH ORDINALITY AS x (%sn)) AS u",
					 unnest.data, names.data);
}

/*
 * Name of the table.  Inheritance children of a plain table are excluded: the
 * deferred changes are of the table's own rows.
 */
static char *
table_name(const CsBinding *binding)
{
	return psprintf("%s%s", binding->tree.partitioned ? "" : "ONLY ",
					cs_binding_qualified_name(binding));
}

/* "column = new value" in an UPDATE */
static void
append_set(StringInfo buf, const CsBinding *binding, const CsStatementParam *param,
		   const char *alias)
{
	const char *name = column_name(binding, param->attnum);
	Oid			collation = attribute(binding, param->attnum)->attcollation;
	char	   *value = psprintf("u.%s", param_name(param));

	appendStringInfo(buf, "%s = ", name);
	switch (param->rule)
	{
		case CS_RULE_ADD:
			appendStringInfo(buf, "%s.%s OPERATOR(pg_catalog.+) %s", alias, name, value);
			break;
		case CS_RULE_MAX:
		case CS_RULE_MIN:
			appendStringInfo(buf, "%s(%s.%s, %s",
							 param->rule == CS_RULE_MAX ? "GREATEST" : "LEAST",
							 alias, name, value);
			if (OidIsValid(collation))
				appendStringInfo(buf, " COLLATE %s", generate_collation_name(collation));
			appendStringInfoChar(buf, ')');
			break;
		case CS_RULE_REPLACE:
			appendStringInfoString(buf, value);
			break;
	}
}

static void
append_update(StringInfo buf, const CsBinding *binding, const CsStatement *statement,
			  const char *alias)
{
	const char *separator = "";

	appendStringInfo(buf, "UPDATE %s AS %s SET ", table_name(binding), alias);
	for (int i = 0; i < statement->nparams; i++)
	{
		if (statement->params[i].key >= 0)
			continue;
		appendStringInfoString(buf, separator);
		append_set(buf, binding, &statement->params[i], alias);
		separator = ", ";
	}
	appendStringInfoString(buf, " FROM ");
	append_source(buf, statement);
	appendStringInfoString(buf, " WHERE ");
	cs_loader_append_match(buf, binding, alias, "u.k");
	appendStringInfoString(buf, " RETURNING u.n");
}

static void
append_select(StringInfo buf, const CsBinding *binding, const CsStatement *statement,
			  const char *alias)
{
	appendStringInfoString(buf, "SELECT u.n FROM ");
	append_source(buf, statement);
	appendStringInfo(buf, ", %s AS %s WHERE ", table_name(binding), alias);
	cs_loader_append_match(buf, binding, alias, "u.k");
	if (statement->kind == CS_STATEMENT_LOCK)
		appendStringInfo(buf, " FOR NO KEY UPDATE OF %s SKIP LOCKED", alias);
}

/*
 * Whether ON CONFLICT sets the column: an existing row keeps the spelling of
 * its key and its identity.
 */
static bool
is_set_on_conflict(const CsBinding *binding, const CsStatementParam *param)
{
	return param->key < 0 && !cs_binding_is_key(binding, param->attnum) &&
		attribute(binding, param->attnum)->attidentity != ATTRIBUTE_IDENTITY_ALWAYS;
}

/*
 * Determine what ON CONFLICT sets if there is nothing to set: an existing row
 * must be locked.
 */
static void
describe_conflict(const CsBinding *binding, CsStatement *statement)
{
	statement->leaves_alone = statement->kind == CS_STATEMENT_NEW;
	for (int i = 0; i < statement->nparams; i++)
		if (statement->leaves_alone || is_set_on_conflict(binding, &statement->params[i]))
			return;
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);

		if (att->attisdropped || att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
			continue;
		statement->idle = att->attnum;
		return;
	}
	statement->leaves_alone = true;
}

/*
 * Append the ON CONFLICT clause.
 */
static void
append_conflict(StringInfo buf, const CsBinding *binding, const CsStatement *statement,
				const char *alias)
{
	const char *separator = "";

	appendStringInfoString(buf, " ON CONFLICT (");
	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *key = &binding->keys[i];

		appendStringInfo(buf, "%s%s", i > 0 ? ", " : "", column_name(binding, key->attnum));
		if (OidIsValid(key->collation))
			appendStringInfo(buf, " COLLATE %s", generate_collation_name(key->collation));
	}
	if (statement->leaves_alone)
	{
		appendStringInfoString(buf, ") DO NOTHING");
		return;
	}
	appendStringInfoString(buf, ") DO UPDATE SET ");
	if (statement->idle != InvalidAttrNumber)
	{
		const char *name = column_name(binding, statement->idle);

		if (is_generated(binding, statement->idle))
			appendStringInfo(buf, "%s = DEFAULT", name);
		else
			appendStringInfo(buf, "%s = %s.%s", name, alias, name);
		return;
	}
	for (int i = 0; i < statement->nparams; i++)
	{
		const char *name = column_name(binding, statement->params[i].attnum);

		if (!is_set_on_conflict(binding, &statement->params[i]))
			continue;
		appendStringInfo(buf, "%s%s = EXCLUDED.%s", separator, name, name);
		separator = ", ";
	}
}

/*
 * Append an INSERT.
 */
static void
append_insert(StringInfo buf, const CsBinding *binding, const CsStatement *statement,
			  const char *alias)
{
	StringInfoData values;

	initStringInfo(&values);
	appendStringInfo(buf, "INSERT INTO %s AS %s (", cs_binding_qualified_name(binding),
					 alias);
	for (int i = 0; i < statement->nparams; i++)
	{
		const CsStatementParam *param = &statement->params[i];
		const char *separator = i > 0 ? ", " : "";

		appendStringInfo(buf, "%s%s", separator, column_name(binding, param->attnum));
		appendStringInfo(&values, "%su.%s", separator, param_name(param));
	}
	appendStringInfo(buf, ") OVERRIDING SYSTEM VALUE SELECT %s FROM ", values.data);
	append_source(buf, statement);
	append_conflict(buf, binding, statement, alias);
	appendStringInfoString(buf, " RETURNING ");
	for (int i = 0; i < binding->nkeys; i++)
		appendStringInfo(buf, "%s%s.%s", i > 0 ? ", " : "", alias,
						 column_name(binding, binding->keys[i].attnum));
}

/* ----- preparing ----- */

static SPIPlanPtr
prepare(const CsBinding *binding, const CsStatement *statement)
{
	Oid		   *types = palloc(statement->nparams * sizeof(Oid));
	StringInfoData buf;
	SPIPlanPtr	plan;
	char	   *alias;

	(void) cs_loader_from(binding, &alias);
	initStringInfo(&buf);
	if (statement->kind == CS_STATEMENT_UPDATE)
		append_update(&buf, binding, statement, alias);
	else if (inserts(statement->kind))
		append_insert(&buf, binding, statement, alias);
	else
		append_select(&buf, binding, statement, alias);
	for (int i = 0; i < statement->nparams; i++)
		types[i] = get_array_type(statement->params[i].element);
	plan = SPI_prepare_cursor(buf.data, statement->nparams, types,
							  CURSOR_OPT_CUSTOM_PLAN | CURSOR_OPT_NO_SCROLL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", buf.data,
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Keep the plan with the binding, also if the transaction fails; the plan
 * cache maintains its validity.
 */
static void
keep_plan(CsBinding *binding, CsStatementKind kind, const Bitmapset *columns,
		  SPIPlanPtr plan)
{
	MemoryContext old = MemoryContextSwitchTo(binding->context);
	CsPlan	   *kept = palloc(sizeof(CsPlan));

	kept->kind = kind;
	kept->columns = bms_copy(columns);
	kept->plan = plan;
	MemoryContextSwitchTo(old);
	SPI_keepplan(plan);
	kept->next = binding->plans;
	binding->plans = kept;
}

/*
 * Statement for a set of columns (NULL for LOCK and PRESENT), prepared or from
 * the binding's plans.  The caller is connected to SPI.
 */
CsStatement *
cs_statement_get(CsBinding *binding, CsStatementKind kind, const Bitmapset *columns)
{
	CsStatement *statement = palloc0(sizeof(CsStatement));

	statement->kind = kind;
	describe_params(binding, statement, columns);
	if (inserts(kind))
		describe_conflict(binding, statement);
	for (CsPlan *kept = binding->plans; kept != NULL; kept = kept->next)
		if (kept->kind == kind && bms_equal(kept->columns, columns))
			statement->plan = kept->plan;
	if (statement->plan == NULL)
	{
		statement->plan = prepare(binding, statement);
		keep_plan(binding, kind, columns, statement->plan);
	}
	return statement;
}

/* ----- arrays ----- */

/* Conversion of values to the element type; looked up once. */
typedef struct Conversion
{
	Oid			from;			/* InvalidOid if not looked up */
	Oid			to;
	FmgrInfo	output;
	FmgrInfo	input;
	Oid			ioparam;
} Conversion;

/*
 * Convert a value to the element type.
 */
static Datum
convert(const CsBinding *binding, Conversion *conversion, Oid from, Oid to, Datum value)
{
	char	   *string;

	if (from == to)
		return value;
	if (!cs_combine_type_exists(from))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the type of a deferred value of table \"%s\" no longer exists",
						binding->name)));
	if (conversion->from != from || conversion->to != to)
	{
		Oid			function;
		bool		varlena;

		getTypeOutputInfo(from, &function, &varlena);
		fmgr_info(function, &conversion->output);
		getTypeInputInfo(to, &function, &conversion->ioparam);
		fmgr_info(function, &conversion->input);
		conversion->from = from;
		conversion->to = to;
	}
	string = OutputFunctionCall(&conversion->output, value);
	return InputFunctionCall(&conversion->input, string, conversion->ioparam, -1);
}

/* Change of a column, which the delta must have. */
static const CsColumnDelta *
find_column(const CsDelta *delta, AttrNumber attnum)
{
	int			low = 0;
	int			high = delta->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (delta->columns[middle].attnum < attnum)
			low = middle + 1;
		else
			high = middle;
	}
	Assert(low < delta->n && delta->columns[low].attnum == attnum);
	return &delta->columns[low];
}

/*
 * Array of one parameter.
 */
static Datum
param_array(const CsBinding *binding, const CsStatementParam *param,
			CsApplyItem *const *items, int n)
{
	Datum	   *values = palloc(n * sizeof(Datum));
	bool	   *nulls = palloc0(n * sizeof(bool));
	Conversion	conversion = {InvalidOid};
	int			lower = 1;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	for (int i = 0; i < n; i++)
	{
		const CsColumnDelta *column;

		if (param->key >= 0)
		{
			values[i] = convert(binding, &conversion, param->type, param->element,
								items[i]->rowkey->value[param->key]);
			continue;
		}
		column = find_column(items[i]->delta, param->attnum);
		nulls[i] = column->isnull;
		if (!column->isnull)
			values[i] = convert(binding, &conversion, column->type, param->element,
								column->value);
	}
	get_typlenbyvalalign(param->element, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower,
											  param->element, typlen, typbyval, typalign));
}

/*
 * Arrays for all parameters, in the current context.  May throw because of one
 * item's value.
 */
Datum *
cs_statement_arrays(CsBinding *binding, const CsStatement *statement,
					CsApplyItem *const *items, int n)
{
	Datum	   *arrays = palloc(statement->nparams * sizeof(Datum));
	int			nestlevel = NewGUCNestLevel();

	apply_settings(converting, lengthof(converting));
	for (int i = 0; i < statement->nparams; i++)
		arrays[i] = param_array(binding, &statement->params[i], items, n);
	AtEOXact_GUC(false, nestlevel);
	return arrays;
}

/* ----- execution ----- */

static bool
has_casts(const CsStatement *statement)
{
	for (int i = 0; i < statement->nparams; i++)
		if (statement->params[i].element != statement->params[i].type)
			return true;
	return false;
}

/*
 * Run the statement so that keys are processed in order.
 */
static void
run_in_order(const CsStatement *statement, Datum *arrays)
{
	int			nestlevel = NewGUCNestLevel();
	int			inner = NewGUCNestLevel();
	Portal		portal;

	apply_settings(planning, lengthof(planning));
	portal = SPI_cursor_open(NULL, statement->plan, arrays, NULL, false);
	AtEOXact_GUC(false, inner);
	if (has_casts(statement))
		apply_settings(casting, lengthof(casting));
	SPI_cursor_fetch(portal, true, FETCH_ALL);
	SPI_cursor_close(portal);
	AtEOXact_GUC(false, nestlevel);
}

/*
 * Run the statement under the latest snapshot.
 */
static void
run_latest(const CsStatement *statement, Datum *arrays)
{
	Snapshot	snapshot;
	int			rc;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	rc = SPI_execute_snapshot(statement->plan, arrays, NULL, snapshot,
							  InvalidSnapshot, true, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not look for rows: %s", SPI_result_code_string(rc));
	UnregisterSnapshot(snapshot);
}

/*
 * Run the statement; the result is in SPI's variables.  Rows are visited in
 * the order of the arrays.  PRESENT sees the latest state, whatever the
 * transaction's snapshot.
 */
void
cs_statement_run(CsBinding *binding, const CsStatement *statement, Datum *arrays)
{
	if (statement->kind == CS_STATEMENT_PRESENT)
		run_latest(statement, arrays);
	else
		run_in_order(statement, arrays);
	/* the error undoes what was written to another table */
	if (!cs_loader_reads_table(statement->plan, binding))
		cs_binding_renamed_error(binding);
}
