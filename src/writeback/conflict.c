/*-------------------------------------------------------------------------
 *
 * conflict.c
 *		Inserted rows that meet rows which only the cache has.
 *
 * A row of cache.write() that the table does not have yet is no conflict for
 * the executor.  So the BEFORE trigger looks for one.  INSERT fails as for a
 * row of the table, ON CONFLICT DO NOTHING leaves the row out.  For ON
 * CONFLICT DO UPDATE the deferred row is written to the table, with all that
 * is deferred for it, as a flush would do that, but in this transaction; what
 * was deferred is cancelled.  Then the executor finds the conflict itself.
 *
 * The key is locked against other transactions that do the same, and against
 * cache.remove(); so the row is looked at again.  A flush may insert a row
 * with the key, too: the second one waits for the first at the index, as ON
 * CONFLICT does, and finds the row in the table.  What is deferred after the
 * look makes the commit fail with 40001, as for an UPDATE that takes deferred
 * changes along (defer.c).
 *
 * MERGE has decided that there is no row when it inserts one, so it fails.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"

#include "writeback/apply.h"
#include "writeback/conflict.h"
#include "writeback/deferred.h"
#include "writeback/execution.h"
#include "writeback/mergedrow.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"

cs_noreturn static void
duplicate_error(const CsBinding *binding)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key value violates the primary key of table \"%s\"",
					binding->name),
			 errdetail("A row with this key has been written with cache.write() and not been flushed yet."),
			 errhint("cache.flush() brings it into the table.")));
}

/*
 * What the statement does when the primary key has the row already.
 */
static OnConflictAction
conflict_action(const CsBinding *binding, const TriggerData *trigdata, CsFiring *firing)
{
	const ModifyTable *plan;
	List	   *arbiters;

	if (trigdata == NULL || !cs_execution_find_insert(trigdata, firing))
		return ONCONFLICT_NONE;
	plan = (const ModifyTable *) firing->mtstate->ps.plan;
	arbiters = firing->relinfo->ri_onConflictArbiterIndexes;
	return arbiters == NIL || list_member_oid(arbiters, binding->key_index) ?
		plan->onConflictAction : ONCONFLICT_NONE;
}

/*
 * Write the deferred row to the table.  Returns false if it cannot be.
 */
static bool
write_row(CsBinding *binding, CsRowKey *rowkey, CsMergedRow *over)
{
	TimestampTz end = 0;
	CsApplyItem item = {0};

	(void) cs_write_back_lock_key(binding, &rowkey->key);
	for (;;)
	{
		cs_write_back_merge(binding, rowkey, NULL, over);
		if (!over->awaited)
			break;
		cs_write_back_wait(binding, rowkey, over, &end);
	}
	if (end != 0)
		cs_deferred_wait_end();
	if (over->row == NULL || cs_write_back_in_table(binding, rowkey))
		return true;
	item.rowkey = rowkey;
	item.delta = &over->deferred;
	if (!cs_apply_new(binding, &item))
		return cs_write_back_in_table(binding, rowkey);
	cs_xactdelta_expect(binding, rowkey, over->arrival, false);
	(void) cs_xactdelta_took_along(&rowkey->key);
	cs_xactdelta_cancel(binding, rowkey, NULL, 0);
	return true;
}

/*
 * Handle a row that is about to be inserted, or, with 'trigdata' NULL, to get
 * the key by an UPDATE.  Returns false if the row is to be left out.
 */
bool
cs_conflict_insert(CsBinding *binding, const TriggerData *trigdata, TupleTableSlot *slot)
{
	CsRowKey	rowkey;
	CsMergedRow over;
	CsFiring	firing;

	if (binding->slot < 0 || !cs_key_of_slot(binding, slot, &rowkey))
		return true;
	cs_write_back_merge(binding, &rowkey, NULL, &over);
	/* a duplicate in the table itself is detected by the executor */
	if (over.row == NULL || cs_write_back_in_table(binding, &rowkey))
		return true;
	if (cs_xactdelta_is_upserting(binding->relid))
	{
		cs_xactdelta_meet_deferred();
		return false;
	}
	switch (conflict_action(binding, trigdata, &firing))
	{
		case ONCONFLICT_NOTHING:
			return false;
		case ONCONFLICT_UPDATE:
			if (!write_row(binding, &rowkey, &over))
				duplicate_error(binding);
			cs_mergedrow_inserted(&firing);
			return true;
		default:
			duplicate_error(binding);
	}
}
