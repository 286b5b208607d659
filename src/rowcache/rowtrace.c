/*-------------------------------------------------------------------------
 *
 * rowtrace.c
 *		Tracing what is done with rows of attached tables (trace.h).
 *
 * The key is shown as its types' output functions show it, which are made by
 * superusers.
 *
 * A session may change or read rows that its role cannot select: through a
 * foreign key, or a view.  And by the outcome of a read a role would learn of
 * rows that policies hide from it.  So it is told of those tables only that
 * its role may read as a whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "rowcache/rowtrace.h"

static char *
key_text(const CsBinding *binding, const CsRowKey *rowkey)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '(');
	for (int i = 0; i < binding->nkeys && text.len < CS_TRACE_TEXT; i++)
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(binding->keys[i].type, &output, &varlena);
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "",
						 OidOutputFunctionCall(output, rowkey->value[i]));
	}
	appendStringInfoChar(&text, ')');
	return text.data;
}

static bool
may_be_told(CsBinding *binding)
{
	return cs_binding_may_select(binding) &&
		!(binding->rls && check_enable_rls(binding->relid, InvalidOid, true) == RLS_ENABLED);
}

static void
emit(CsBinding *binding, const CsRowKey *rowkey, const char *operation,
	 const char *outcome, const char *reason, int64 nanos)
{
	CsTraced	traced = {0};

	traced.strategy = binding->options.strategy;
	traced.object = cs_binding_qualified_name(binding);
	traced.key = key_text(binding, rowkey);
	traced.operation = operation;
	traced.outcome = outcome;
	traced.reason = reason;
	traced.nanos = nanos;
	traced.hidden = cs_trace && !may_be_told(binding);
	cs_trace_emit(&traced);
}

/*
 * A row was read, or its absence found.
 */
void
cs_rowtrace_read(CsBinding *binding, const CsRowKey *rowkey, CsReason reason,
				 int64 nanos)
{
	const char *outcome = "miss";

	if (reason == CS_HIT)
		outcome = "hit";
	else if (reason == CS_HIT_ABSENT)
		outcome = "absent";
	else if (cs_is_bypass(reason))
		outcome = "bypass";
	emit(binding, rowkey, "read", outcome,
		 cs_is_hit(reason) ? NULL : cs_access_reason_text(reason), nanos);
}

/*
 * A row was changed in the table.
 */
void
cs_rowtrace_change(CsBinding *binding, const CsChange *change)
{
	const char *operation = "update";

	if (change->old == NULL)
		operation = "insert";
	else if (change->new == NULL)
		operation = "delete";
	emit(binding, change->new != NULL ? change->new : change->old, operation,
		 binding->strategy != NULL ? binding->strategy->effect : "invalidates", NULL, -1);
}

/*
 * A row was written in another way.
 */
void
cs_rowtrace_write(CsBinding *binding, const CsRowKey *rowkey,
				  const char *operation, const char *outcome)
{
	emit(binding, rowkey, operation, outcome, NULL, -1);
}
