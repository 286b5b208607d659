/*-------------------------------------------------------------------------
 *
 * apply.c
 *		Writing deltas to their table: set-based, in key order, as the table's
 *		owner.
 *
 * The items are sorted by key and grouped by what is to be written: a whole
 * row or not, which columns, by which rules.  A group is written in batches,
 * each by one statement (statement.c) in a subtransaction.  If a statement
 * fails, the SQLSTATE decides:
 *
 * - An error that may be transient is thrown.
 * - Otherwise the keys are halved and each half is written separately, until
 *   single keys are left, which become dead letters.  One such key among n
 *   costs 2 log2(n) statements.
 * - If the error is about the table (a missing privilege, a changed column)
 *   and no other key can be written either, it is thrown.
 *
 * Statements run as the owner, in a security-restricted operation.  Nothing
 * may be left to a deferred trigger, which would run as another role.  So
 * constraints are set IMMEDIATE first, still as the caller: this also runs
 * what the caller's own statements have deferred, which must not get the
 * owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "relation/owner.h"
#include "writeback/apply.h"
#include "writeback/deadletter.h"
#include "writeback/merge.h"
#include "writeback/statement.h"
#include "writeback/sum.h"
#include "writeback/xactdelta.h"

/* State of one cs_apply(). */
typedef struct Apply
{
	CsBinding  *binding;
	int			statement_rows;
	CsApplyMode mode;
	CsRefused	refused;
	void	   *refused_arg;
	FmgrInfo   *compare[INDEX_MAX_KEYS];
	bool		progress;		/* a row of the group has been written */
	bool		only_new;		/* existing rows are left alone */
	List	   *suspects;		/* of Suspect */
} Apply;

/* A row with an error that may be about the table. */
typedef struct Suspect
{
	CsApplyItem *item;
	ErrorData  *error;
} Suspect;

/* With so many suspects and nothing written, the error is about the table. */
#define MAX_SUSPECTS	100

/* Properties of items that one statement can write. */
typedef struct Alike
{
	bool		whole;
	Bitmapset  *columns;		/* cs_statement_columns(); empty: nothing */
} Alike;

/* The statement being executed, for the table's triggers. */
typedef struct Writing
{
	Oid			relid;			/* InvalidOid: none */
	int			depth;			/* trigger depth outside the statement */
} Writing;

static Writing writing;

/* ----- for triggers ----- */

/*
 * Current nesting depth of triggers.
 */
int
cs_apply_trigger_depth(void)
{
	LOCAL_FCINFO(fcinfo, 0);

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	return DatumGetInt32(pg_trigger_depth(fcinfo));
}

/*
 * Whether this is a trigger of a row that cs_apply() itself is writing.
 * Returns false in a trigger of a statement that a user's trigger executes,
 * which is one level deeper.  'relid' is the cached table, even in a trigger
 * of a partition.
 */
bool
cs_apply_is_writing(Oid relid)
{
	return OidIsValid(relid) && writing.relid == relid &&
		cs_apply_trigger_depth() == writing.depth + 1;
}

/*
 * Whether cs_apply() is working on this table, including triggers that it has
 * fired.
 */
bool
cs_apply_is_under_way(Oid relid)
{
	return OidIsValid(relid) && writing.relid == relid;
}

/* ----- errors ----- */

/*
 * Whether an error may be transient.
 */
bool
cs_apply_is_transient(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_OBJECT_IN_USE:
		case ERRCODE_READ_ONLY_SQL_TRANSACTION:
			return true;
	}
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return true;
	}
	return false;
}

/* Like cs_attempt_run(), but throws an error that may be transient. */
ErrorData *
cs_apply_attempt(CsAttempt work, void *arg)
{
	ErrorData  *error = cs_attempt_run(work, arg);

	if (error != NULL && cs_apply_is_transient(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

/* Whether every row will fail alike until the owner has changed something. */
static bool
is_about_table(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			return true;
	}
	return false;
}

/* ----- order ----- */

/*
 * Find the comparison functions of the primary key.  Rows must be locked in
 * its order, as other backends do, to avoid deadlocks.
 */
static void
find_comparisons(Apply *apply)
{
	for (int i = 0; i < apply->binding->nkeys; i++)
	{
		Oid			type = apply->binding->keys[i].type;
		TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);

		if (!OidIsValid(entry->cmp_proc))
			elog(ERROR, "type %u of a key column cannot be compared", type);
		apply->compare[i] = &entry->cmp_proc_finfo;
	}
}

static int
compare_keys(const Apply *apply, const Datum *a, const Datum *b)
{
	for (int i = 0; i < apply->binding->nkeys; i++)
	{
		int			cmp = DatumGetInt32(FunctionCall2Coll(apply->compare[i],
														  apply->binding->keys[i].collation,
														  a[i], b[i]));

		if (cmp != 0)
			return cmp;
	}
	return 0;
}

static int
compare_items(const void *a, const void *b, void *arg)
{
	return compare_keys(arg, ((const CsApplyItem *) a)->rowkey->value,
						((const CsApplyItem *) b)->rowkey->value);
}

/* ----- one statement ----- */

/* Execute the statement for these items; the result is in SPI's variables. */
static CsStatement *
run(Apply *apply, CsStatementKind kind, const Bitmapset *columns,
	CsApplyItem *const *items, int n)
{
	CsBinding  *binding = apply->binding;
	CsStatement *statement = cs_statement_get(binding, kind, columns);
	Datum	   *arrays = cs_statement_arrays(binding, statement, items, n);
	Writing		outer = writing;

	writing.relid = binding->relid;
	writing.depth = cs_apply_trigger_depth();
	cs_statement_run(binding, statement, arrays);
	writing = outer;
	return statement;
}

/* Execute the statement; returns which of the items it returned. */
static bool *
run_and_find(Apply *apply, CsStatementKind kind, const Bitmapset *columns,
			 CsApplyItem *const *items, int n)
{
	bool	   *found = palloc0(n * sizeof(bool));

	(void) run(apply, kind, columns, items, n);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		int64		number = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
														 SPI_tuptable->tupdesc, 1, &isnull));

		found[number - 1] = true;
	}
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/*
 * Determine which items an INSERT has inserted.  It cannot return their
 * numbers.  Keys are returned in the order of the items, without those that a
 * trigger has suppressed.
 */
static void
match_returned_keys(const Apply *apply, CsApplyItem **items, int n)
{
	const CsBinding *binding = apply->binding;
	int			next = 0;

	for (uint64 i = 0; i < SPI_processed && next < n; i++)
	{
		Datum		key[INDEX_MAX_KEYS];
		bool		isnull;
		int			at = next;

		for (int k = 0; k < binding->nkeys; k++)
			key[k] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, k + 1,
								   &isnull);
		while (at < n && compare_keys(apply, items[at]->rowkey->value, key) != 0)
			at++;
		/* otherwise a trigger has changed the key */
		if (at < n)
		{
			items[at]->outcome = CS_APPLIED;
			next = at + 1;
		}
	}
}

/*
 * Insert whole rows.
 */
static void
insert_items(Apply *apply, const Alike *group, CsApplyItem **items, int n)
{
	CsStatement *statement = run(apply, CS_STATEMENT_INSERT, group->columns, items, n);
	bool		all = SPI_processed == (uint64) n || statement->leaves_alone;

	for (int i = 0; i < n; i++)
		items[i]->outcome = all ? CS_APPLIED : CS_APPLIED_GONE;
	if (!all)
		match_returned_keys(apply, items, n);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Under a transaction snapshot a row can exist although the UPDATE has not
 * found it.  Its deferred writes must not be treated as void, so this throws.
 */
static void
check_unseen(Apply *apply, CsApplyItem **items, int n)
{
	CsApplyItem **gone = palloc(n * sizeof(CsApplyItem *));
	bool	   *present;
	int			ngone = 0;

	for (int i = 0; i < n; i++)
		if (items[i]->outcome == CS_APPLIED_GONE)
			gone[ngone++] = items[i];
	if (ngone == 0)
		return;
	present = run_and_find(apply, CS_STATEMENT_PRESENT, NULL, gone, ngone);
	for (int i = 0; i < ngone; i++)
		if (present[i])
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not write to a row of table \"%s\" that is newer than the transaction's snapshot",
							apply->binding->name),
					 errhint("Try again, or flush in a READ COMMITTED transaction.")));
}

/*
 * Update rows.
 */
static void
update_items(Apply *apply, const Alike *group, CsApplyItem **items, int n)
{
	bool	   *found = run_and_find(apply, CS_STATEMENT_UPDATE, group->columns, items, n);

	for (int i = 0; i < n; i++)
		items[i]->outcome = found[i] ? CS_APPLIED : CS_APPLIED_GONE;
	if (IsolationUsesXactSnapshot())
		check_unseen(apply, items, n);
}

static void
write_items(Apply *apply, const Alike *group, CsApplyItem **items, int n)
{
	if (group->whole)
		insert_items(apply, group, items, n);
	else
		update_items(apply, group, items, n);
}

/*
 * Write only rows that can be locked immediately, and new rows.  Whether a row
 * that was not locked exists is determined afterwards.  A row that appears or
 * disappears in between is locked by another transaction, or there is nothing
 * to write to.
 */
static void
write_unlocked(Apply *apply, const Alike *group, CsApplyItem **items, int n)
{
	bool	   *held = run_and_find(apply, CS_STATEMENT_LOCK, NULL, items, n);
	CsApplyItem **mine = palloc(n * sizeof(CsApplyItem *));
	CsApplyItem **others = palloc(n * sizeof(CsApplyItem *));
	bool	   *present = NULL;
	int			nothers = 0;
	int			nmine = 0;

	for (int i = 0; i < n; i++)
		if (!held[i])
			others[nothers++] = items[i];
	if (nothers > 0)
		present = run_and_find(apply, CS_STATEMENT_PRESENT, NULL, others, nothers);
	nothers = 0;
	for (int i = 0; i < n; i++)
	{
		bool		there = held[i] || present[nothers++];

		if (held[i] || (group->whole && !there))
			mine[nmine++] = items[i];
		else
			items[i]->outcome = there ? CS_APPLIED_LOCKED : CS_APPLIED_GONE;
	}
	if (nmine > 0)
		write_items(apply, group, mine, nmine);
}

/* ----- subtransactions ----- */

typedef struct Trial
{
	Apply	   *apply;
	const Alike *group;
	CsApplyItem **items;
	int			n;
} Trial;

static void
write_trial(void *arg)
{
	Trial	   *trial = arg;

	SPI_connect();
	if (trial->apply->mode == CS_APPLY_SKIP)
		write_unlocked(trial->apply, trial->group, trial->items, trial->n);
	else
		write_items(trial->apply, trial->group, trial->items, trial->n);
	SPI_finish();
}

/*
 * Write the items in a subtransaction.  Returns false, with nothing changed,
 * if that fails.
 */
static bool
try_items(Apply *apply, const Alike *group, CsApplyItem **items, int n,
		  ErrorData **error)
{
	Trial		trial = {apply, group, items, n};
	Writing		outer = writing;

	*error = cs_attempt_run(write_trial, &trial);
	writing = outer;
	return *error == NULL;
}

/*
 * Whether the error is a lock that was not available; the rows are not tried
 * one by one then.
 */
static bool
is_skippable(const Apply *apply, const ErrorData *error)
{
	return apply->mode == CS_APPLY_SKIP &&
		error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

/*
 * Pass an item that the table refuses to the caller's function.
 */
static void
refuse(Apply *apply, CsApplyItem *item, const ErrorData *error)
{
	item->outcome = CS_APPLIED_DEAD;
	apply->refused(apply->binding, item, error, apply->refused_arg);
}

/*
 * Set an item aside whose error may be about the table.  Such an error, for
 * example a missing privilege, is the same for every row and ends when the
 * owner changes something; but a trigger may raise the same error for single
 * rows.  So these items are refused only if another row could be written.
 */
static void
suspect(Apply *apply, CsApplyItem *item, ErrorData *error)
{
	Suspect    *new = palloc(sizeof(Suspect));

	if (!apply->progress && list_length(apply->suspects) >= MAX_SUSPECTS)
		ReThrowError(error);
	new->item = item;
	new->error = error;
	apply->suspects = lappend(apply->suspects, new);
}

/*
 * Refuse the items set aside, or throw the error of the first.
 */
static void
judge_suspects(Apply *apply)
{
	ListCell   *lc;

	foreach(lc, apply->suspects)
	{
		Suspect    *s = lfirst(lc);

		if (!apply->progress)
			ReThrowError(s->error);
		refuse(apply, s->item, s->error);
	}
	apply->suspects = NIL;
}

/*
 * Write items of one group, halving them on errors.
 */
static void
apply_items(Apply *apply, const Alike *group, CsApplyItem **items, int n)
{
	ErrorData  *error;

	CHECK_FOR_INTERRUPTS();
	if (try_items(apply, group, items, n, &error))
	{
		apply->progress = true;
		return;
	}
	if (!is_skippable(apply, error) && cs_apply_is_transient(error->sqlerrcode))
		ReThrowError(error);
	if (n > 1)
	{
		FreeErrorData(error);
		apply_items(apply, group, items, n / 2);
		apply_items(apply, group, items + n / 2, n - n / 2);
	}
	else if (is_skippable(apply, error))
		items[0]->outcome = CS_APPLIED_LOCKED;
	else if (is_about_table(error->sqlerrcode))
		suspect(apply, items[0], error);
	else
		refuse(apply, items[0], error);
}

/* ----- groups ----- */

/*
 * Index of the group for these columns, added if necessary.
 */
static int
find_group(List **groups, bool whole, Bitmapset *columns)
{
	Alike	   *group;
	ListCell   *lc;

	foreach(lc, *groups)
	{
		group = lfirst(lc);
		if (group->whole == whole && bms_equal(group->columns, columns))
		{
			bms_free(columns);
			return foreach_current_index(lc);
		}
	}
	group = palloc(sizeof(Alike));
	group->whole = whole;
	group->columns = columns;
	*groups = lappend(*groups, group);
	return list_length(*groups) - 1;
}

/*
 * Write all items of a group.
 */
static void
apply_group(Apply *apply, const Alike *group, CsApplyItem **items, int n)
{
	/* all of its columns have been dropped */
	if (bms_is_empty(group->columns) && !group->whole)
	{
		for (int i = 0; i < n; i++)
			items[i]->outcome = CS_APPLIED;
		return;
	}
	apply->progress = false;
	for (int done = 0; done < n; done += apply->statement_rows)
		apply_items(apply, group, items + done, Min(apply->statement_rows, n - done));
	judge_suspects(apply);
}

/*
 * Whether no statement can write the item: the type of a column has been
 * changed and does not fit its rule, or a sum is out of range.
 */
static bool
is_unwritable(const Apply *apply, const CsApplyItem *item, ErrorData *error)
{
	for (int i = 0; i < item->delta->n; i++)
	{
		const CsColumnDelta *change = &item->delta->columns[i];
		Form_pg_attribute att = cs_merge_attribute(apply->binding, change->attnum);
		CsMergeColumn space;

		if (att == NULL || change->rule == CS_RULE_REPLACE)
			continue;
		error->elevel = ERROR;
		error->sqlerrcode = ERRCODE_DATATYPE_MISMATCH;
		error->message = "the type of a column does not fit the merge rule of this deferred write";
		if (!cs_merge_resolve(&space, change->rule, getBaseType(att->atttypid)))
			return true;
		error->sqlerrcode = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		error->message = "the sum of what is deferred for a column is out of range";
		if (cs_sum_is_unwieldy(change))
			return true;
	}
	return false;
}

/*
 * Write the items in key order, by groups.
 */
static void
apply_sorted(Apply *apply, CsApplyItem *items, int n)
{
	int		   *group_of = palloc_extended(n * sizeof(int), MCXT_ALLOC_HUGE);
	CsApplyItem **members = palloc_extended(n * sizeof(CsApplyItem *), MCXT_ALLOC_HUGE);
	List	   *groups = NIL;
	ListCell   *lc;

	for (int i = 0; i < n; i++)
	{
		ErrorData	error = {0};

		group_of[i] = -1;
		if (is_unwritable(apply, &items[i], &error))
			refuse(apply, &items[i], &error);
		else
			group_of[i] = find_group(&groups, items[i].delta->whole,
									 cs_statement_columns(apply->binding, items[i].delta));
	}
	foreach(lc, groups)
	{
		int			nmembers = 0;

		for (int i = 0; i < n; i++)
			if (group_of[i] == foreach_current_index(lc))
				members[nmembers++] = &items[i];
		apply_group(apply, lfirst(lc), members, nmembers);
	}
}

/*
 * Write the items one by one in the given order; several can be of the same
 * key.
 */
static void
apply_in_order(Apply *apply, CsApplyItem *items, int n)
{
	for (int i = 0; i < n; i++)
	{
		CsApplyItem *item = &items[i];
		ErrorData	error = {0};
		Alike		group = {.whole = item->delta->whole};

		/* later changes of the key must not overtake one that is left out */
		item->outcome = CS_APPLIED_LOCKED;
		if (i > 0 && items[i - 1].rowkey == item->rowkey &&
			items[i - 1].outcome == CS_APPLIED_LOCKED)
			continue;
		item->outcome = CS_APPLIED;
		if (is_unwritable(apply, item, &error))
		{
			refuse(apply, item, &error);
			continue;
		}
		group.columns = cs_statement_columns(apply->binding, item->delta);
		if (bms_is_empty(group.columns) && !group.whole)
			continue;
		apply_items(apply, &group, &item, 1);
		judge_suspects(apply);
	}
}

/* ----- entry points ----- */

/*
 * Rewrite rules could redirect the writes.
 */
/*
 * Insert a row where there is none.
 */
static void
insert_new(Apply *apply, CsApplyItem *item)
{
	const Bitmapset *columns = cs_statement_columns(apply->binding, item->delta);

	SPI_connect();
	(void) run(apply, CS_STATEMENT_NEW, columns, &item, 1);
	item->outcome = SPI_processed > 0 ? CS_APPLIED : CS_APPLIED_GONE;
	SPI_finish();
}

static void
check_rules(const CsBinding *binding)
{
	if (binding->rules)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("deferred writes cannot be written to table \"%s\", which has rules",
						binding->name),
				 errhint("Drop the rules, which may write elsewhere.")));
}

static void
set_constraints_immediate(void)
{
	ConstraintsSetStmt *all = makeNode(ConstraintsSetStmt);

	AfterTriggerSetState(all);
}

/*
 * Write the items as the table's owner.
 */
static void
apply_as_owner(Apply *apply, CsApplyItem *items, int n, bool in_order)
{
	CsBinding  *binding = apply->binding;
	MemoryContext context;
	MemoryContext old;
	CsAsOwner	saved;

	if (n == 0)
		return;
	check_rules(binding);
	context = AllocSetContextCreate(CurrentMemoryContext, "cache_strategies apply",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	set_constraints_immediate();
	cs_owner_begin(&saved, binding->owner);
	cs_pinned_apply(binding->pinned, binding->name);
	cs_xactdelta_direct++;
	PG_TRY();
	{
		find_comparisons(apply);
		if (apply->only_new)
			insert_new(apply, items);
		else if (in_order)
			apply_in_order(apply, items, n);
		else
		{
			qsort_arg(items, n, sizeof(CsApplyItem), compare_items, apply);
			apply_sorted(apply, items, n);
		}
	}
	PG_FINALLY();
	{
		cs_xactdelta_direct--;
	}
	PG_END_TRY();
	cs_owner_end(&saved);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Insert a whole row, unless there is a row with its key.  Returns whether it
 * was inserted.  Errors are thrown.
 */
bool
cs_apply_new(CsBinding *binding, CsApplyItem *item)
{
	Apply		apply = {.binding = binding,.statement_rows = 1,.only_new = true};

	apply_as_owner(&apply, item, 1, true);
	return item->outcome == CS_APPLIED;
}

/*
 * Like cs_apply(), but calls 'refused' for deltas that the table refuses.
 */
void
cs_apply_or(CsBinding *binding, CsApplyItem *items, int n, int statement_rows,
			CsApplyMode mode, CsRefused refused, void *arg)
{
	Apply		apply = {
		.binding = binding,
		.statement_rows = Max(statement_rows, 1),
		.mode = mode,
		.refused = refused,
		.refused_arg = arg
	};

	apply_as_owner(&apply, items, n, false);
}

/*
 * Like cs_apply(), but writes the items in the given order, each by its own
 * statement.  'progress': other rows have been written already, so an error
 * that may be about the table is not.
 */
void
cs_apply_apart(CsBinding *binding, CsApplyItem *items, int n, CsApplyMode mode, bool progress)
{
	Apply		apply = {
		.binding = binding,
		.statement_rows = 1,
		.mode = mode,
		.refused = cs_deadletter_store,
		.progress = progress
	};

	apply_as_owner(&apply, items, n, true);
}

/*
 * Write the items to their table in the current transaction.  Throws errors
 * that may be transient (40001, 40P01, 55P03, 57014, 53xxx, 58xxx, 57P0x ...);
 * other errors are narrowed down to the deltas that cause them, which become
 * dead letters.  Each statement, and each half of a failed one, runs in a
 * subtransaction.  Sorts the items by key.
 */
void
cs_apply(CsBinding *binding, CsApplyItem *items, int n, int statement_rows,
		 CsApplyMode mode)
{
	cs_apply_or(binding, items, n, statement_rows, mode, cs_deadletter_store, NULL);
}
