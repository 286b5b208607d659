/*-------------------------------------------------------------------------
 *
 * protocol.c
 *		The commit protocol: marks are set before a change becomes visible and
 *		removed afterwards.
 *
 *	PRE_COMMIT	mark every stripe and slot that was changed, THEN unlink the
 *				entries; remember versions and epochs
 *	COMMIT		publish what may still be published, THEN unmark
 *	ABORT		unmark
 *	PREPARE		set prepared_xid, THEN unmark
 *
 * A slot has three words: one is marked for changes of any kind, for each
 * table that was changed; another for tables that were changed as a whole, and
 * with it the one of results that depend on values.  Watch words are marked
 * like stripes.
 *
 * The orders matter.  src/README.md gives the reasons, and for each of them
 * there is a build without it that the tests have to detect.
 *
 * Everything that can fail is done at PRE_COMMIT, before the first mark is
 * set, or with the marks recorded so that ABORT can remove them.  The COMMIT
 * callback does not allocate, throw or read catalogs.
 *
 * PRE_COMMIT callbacks of other extensions may run SQL after ours.  A change
 * made after our marks were set is marked at once ("late").
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "guc.h"
#include "store/counters.h"
#include "store/place.h"
#include "store/slot.h"
#include "store/store.h"
#include "store/stripe.h"
#include "testpoint.h"
#include "xact/marks.h"
#include "xact/participant.h"
#include "xact/pending.h"
#include "xact/words.h"
#include "xact/xact.h"

typedef enum Phase
{
	PHASE_OPEN,					/* user code may still run */
	PHASE_MARKED,				/* PRE_COMMIT is done */
	PHASE_PREPARED				/* PRE_PREPARE is done */
} Phase;

/* Beyond this number of late keys their whole table is marked. */
#define MAX_LATE	1024

CsResolveHook cs_xact_resolve_hook = NULL;
uint64		cs_xact_lock_generation = 1;

static const CsParticipant *participants[8];
static int	n_participants = 0;
static CsEndHook end_hooks[8];
static int	n_end_hooks = 0;
static Phase phase = PHASE_OPEN;
static bool used = false;
static uint64 top_xid;			/* set at PRE_COMMIT; 0: none */

/* ----- marks ----- */

/*
 * Mark the table as changed as a whole.
 */
static void
mark_table(CsPendingTable *table)
{
	if (table->marked || table->slot < 0)
		return;
	table->marked = true;
	cs_slot_mark(table->slot, table->ddl);
	cs_counters_add(table->slot, CS_COUNT_TABLE_INVALIDATION, 1);
}

/*
 * Mark the table for changes of any kind.  One mark is enough for all changes
 * of the transaction, but it may be set before the transaction has an xid.  A
 * backend that finds the mark, or finds that it was set and removed, must find
 * the xid too.
 */
static void
mark_modcount(CsPendingTable *table)
{
	if (table->slot < 0)
		return;
	cs_slot_raise_last_xid(table->slot, top_xid);
	if (!table->modcount_marked)
		cs_slot_mark_modcount(table->slot);
	table->modcount_marked = true;
}

/*
 * Mark changes of the table as a whole, for results that depend on values.
 */
static void
mark_values(CsPendingTable *table)
{
	if (table->slot < 0 || !(table->whole || table->all_values))
		return;
	cs_place_raise_whole_last_xid(table->slot, top_xid);
	if (!table->values_marked)
		cs_place_mark_whole(table->slot);
	table->values_marked = true;
}

/* So many keys ahead of the one that is unlinked, buckets are fetched. */
#define FETCH_AHEAD	8

static void
fetch_next(CsPendingWalk *ahead)
{
	CsPendingKey *key = cs_pending_next(ahead);

	if (key != NULL && !key->table->whole && key->table->slot >= 0)
		cs_store_prefetch(key->table->slot, key->hash);
}

/*
 * Unlink the entries of all changed keys.
 */
static void
unlink_keys(void)
{
	CsPendingWalk walk = {cs_pending.first, 0};
	CsPendingWalk ahead = {cs_pending.first, 0};
	CsPendingKey *key;

	for (int i = 1; i < FETCH_AHEAD; i++)
		fetch_next(&ahead);
	while ((key = cs_pending_next(&walk)) != NULL)
	{
		int			slot = key->table->slot;

		fetch_next(&ahead);
		if (key->table->whole || slot < 0)
			continue;
		if (cs_store_vacate(slot, key->hash, &key->vacated))
			cs_counters_add(slot, CS_COUNT_INVALIDATION, 1);
	}
}

/* ----- PRE_COMMIT ----- */

/*
 * Remember the epochs to publish under; the versions are in the marks.  The
 * set of changes is now complete.
 */
static void
remember(void)
{
	for (CsPendingTable *table = cs_pending.tables; table != NULL; table = table->next)
		if (table->slot >= 0)
			table->epoch = cs_slot_epoch(cs_slot_read(table->slot));
}

/*
 * Everything done at PRE_COMMIT.
 */
static void
mark_all(void)
{
	FullTransactionId xid;

	/* deliver the invalidations of the last command to cs_xact_ddl() */
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		CommandCounterIncrement();
	if (cs_pending.context == NULL)
		return;
	/* reading catalogs may deliver more invalidations */
	for (int done = 0; done < cs_pending.nddl;)
	{
		int			n = cs_pending.nddl;

		for (; done < n; done++)
			cs_xact_resolve_hook(cs_pending.ddl[done]);
	}
	xid = GetTopFullTransactionIdIfAny();
	top_xid = U64FromFullTransactionId(xid);
	cs_marks_collect();
	cs_words_collect();

	CS_TEST_POINT("before_mark");
	for (CsPendingTable *table = cs_pending.tables; table != NULL; table = table->next)
	{
		if (table->whole)
			mark_table(table);
		mark_modcount(table);
		mark_values(table);
	}
	cs_words_mark(top_xid);
	cs_marks_set();
	remember();
	CS_TEST_POINT("after_mark");
	unlink_keys();
	CS_TEST_POINT("after_pre_commit");
}

/* ----- COMMIT: must not throw, allocate or read catalogs ----- */

typedef struct PublishCheck
{
	uint32		stripe;
	uint64		version;
} PublishCheck;

/*
 * Whether no other transaction has changed a key of this stripe since our
 * mark.
 */
static bool
is_newest(void *arg)
{
	PublishCheck *check = arg;

	return cs_stripe_version(cs_stripe_read(check->stripe)) == check->version;
}

/*
 * Publish the new value of a key, unless another transaction has changed it
 * since.
 */
static void
publish_key(const CsPendingKey *pending, const CsMark *mark)
{
	const CsPendingTable *table = pending->table;
	const CsPublish *publish = &pending->top->publish;
	CsKey		key = {
		.hash = pending->hash,
		.owner = table->slot,
		.len = publish->keylen,
		.data = publish->key
	};
	CsMeta		meta = {
		.epoch = table->epoch,
		.wxid = top_xid,
		.expires = publish->expires,
		.flags = publish->flags
	};
	PublishCheck check = {mark->stripe, mark->version};
	CsInstall	done;

	done = cs_store_reinstall(&key, &meta, pending->top->data, publish->len,
							  publish->quota, &pending->vacated, is_newest, &check);
	cs_counters_add(table->slot,
					done == CS_INSTALL_DONE ? CS_COUNT_PUBLISH : CS_COUNT_REFUSED_PUBLISH, 1);
}

/*
 * Publish all values.
 */
static void
publish_all(void)
{
	CsPendingWalk walk = {cs_pending.first, 0};
	CsPendingKey *key;

	if (cs_subxact_is_empty(&cs_pending.values))
		return;
	while ((key = cs_pending_next(&walk)) != NULL)
	{
		CsMark	   *mark;

		if (key->top == NULL || key->top->data == NULL || key->table->whole ||
			key->table->slot < 0)
			continue;
		mark = cs_marks_find(cs_stripe_of(key->hash));
		if (mark != NULL)
			publish_key(key, mark);
	}
}

/*
 * Remove all marks.  A backend that waits for the writers of a key also waits
 * for those of its table as a whole, so it must be woken for these too.
 */
static void
unmark_all(void)
{
	bool		tables = false;

	for (int i = 0; i < cs_marks.n; i++)
		cs_stripe_unmark(cs_marks.mark[i].stripe);
	cs_marks.n = 0;
	cs_words_unmark();
	for (CsPendingTable *table = cs_pending.tables; table != NULL; table = table->next)
	{
		if (table->marked)
			cs_slot_unmark(table->slot);
		if (table->modcount_marked)
			cs_slot_unmark_modcount(table->slot);
		if (table->values_marked)
			cs_place_unmark_whole(table->slot);
		tables |= table->marked;
		table->marked = table->modcount_marked = table->values_marked = false;
	}
	if (tables)
		cs_stripe_wake_all();
}

/*
 * Record this transaction's xid in everything it has marked.
 */
static void
set_prepared_xids(void)
{
	for (int i = 0; i < cs_marks.n; i++)
		cs_stripe_prepared(cs_marks.mark[i].stripe, top_xid);
	cs_words_prepared(top_xid);
	for (CsPendingTable *table = cs_pending.tables; table != NULL; table = table->next)
	{
		if (table->marked)
			cs_slot_prepared(table->slot, top_xid);
		if (table->modcount_marked)
			cs_slot_prepared_modcount(table->slot, top_xid);
		if (table->values_marked)
			cs_place_prepared_whole(table->slot, top_xid);
	}
}

/*
 * Release the slots of tables that are no longer cached: dropped or detached
 * by a transaction that has committed, or created by one that has aborted.
 * The transaction holds a lock that excludes writers, so no other backend
 * marks these tables.
 */
static void
release_slots(bool committed)
{
	for (CsPendingTable *table = cs_pending.tables; table != NULL; table = table->next)
	{
		if (!(committed ? table->dropped : table->created))
			continue;
		cs_slot_release(table->slot, table->database, CS_SLOT_TABLE, table->relation);
	}
}

/*
 * Everything done at COMMIT.
 */
static void
commit(void)
{
	CS_TEST_POINT("commit_begin");
	publish_all();
	CS_TEST_POINT("commit_middle");
	unmark_all();
	release_slots(true);
	CS_TEST_POINT("commit_end");
}

/*
 * Everything done at PREPARE.  Another backend will make the changes visible.
 */
static void
prepare(void)
{
	set_prepared_xids();
	CS_TEST_POINT("prepare_middle");
	unmark_all();
}

/* ----- callbacks ----- */

/* Call this function of all participants that have it. */
#define CALL_PARTICIPANTS(function) \
	do { \
		for (int i_ = 0; i_ < n_participants; i_++) \
			if (participants[i_]->function != NULL) \
				participants[i_]->function(); \
	} while (0)

/*
 * Return to the state between transactions.
 */
static void
reset(bool committed)
{
	cs_xact_lock_generation++;
	for (int i = 0; used && i < n_end_hooks; i++)
		end_hooks[i] (committed);
	cs_pending_forget();
	memset(&cs_marks, 0, sizeof(cs_marks));
	cs_words_forget();
	phase = PHASE_OPEN;
	used = false;
	top_xid = 0;
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			CALL_PARTICIPANTS(before_marks);
			mark_all();
			phase = PHASE_MARKED;
			CALL_PARTICIPANTS(after_marks);
			break;
		case XACT_EVENT_PRE_PREPARE:
			CALL_PARTICIPANTS(prepare);
			mark_all();
			phase = PHASE_PREPARED;
			break;
		case XACT_EVENT_COMMIT:
			CALL_PARTICIPANTS(committed);
			if (cs_pending.context != NULL)
				commit();
			reset(true);
			break;
		case XACT_EVENT_PREPARE:
			CALL_PARTICIPANTS(aborted);
			if (cs_pending.context != NULL)
				prepare();
			reset(true);
			break;
		case XACT_EVENT_ABORT:
			CALL_PARTICIPANTS(aborted);
			if (cs_pending.context != NULL)
			{
				/*
				 * an error after the transaction was prepared does not abort
				 * it
				 */
				if (phase == PHASE_PREPARED)
					set_prepared_xids();
				unmark_all();
				release_slots(false);
			}
			reset(false);
			break;
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			/* parallel workers change nothing, but they count */
			reset(event == XACT_EVENT_PARALLEL_COMMIT);
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
			break;
	}
}

static void
subxact_callback(SubXactEvent event, SubTransactionId mine,
				 SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		cs_subxact_committed(mine, parent);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		cs_xact_lock_generation++;
		cs_subxact_aborted(mine);
	}
}

void
cs_xact_init(void)
{
	cs_pending_init();
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}

/*
 * Add a participant, whose functions are called at the end of each
 * transaction.  To be called while the library is loaded.
 */
void
cs_xact_join(const CsParticipant *participant)
{
	if (n_participants == lengthof(participants))
		elog(FATAL, "too many participants in the end of a transaction");
	participants[n_participants++] = participant;
}

void
cs_xact_at_end(CsEndHook hook)
{
	if (n_end_hooks == lengthof(end_hooks))
		elog(FATAL, "too many end-of-transaction hooks");
	end_hooks[n_end_hooks++] = hook;
}

/* ----- interface for the callers ----- */

/*
 * Call the end hooks even if nothing was changed
 */
void
cs_xact_note_use(void)
{
	used = true;
}

/*
 * mark_modcount() after PRE_COMMIT.
 */
static void
mark_modcount_late(int slot)
{
	top_xid = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
	mark_modcount(cs_pending_table(slot, true));
}

/*
 * A key is changed after our marks were set: mark and unlink it at once.  A
 * stripe that is already marked gets a newer version, which also prevents this
 * transaction from publishing there.
 */
static void
touch_late(int slot, uint64 hash)
{
	uint32		stripe = cs_stripe_of(hash);
	CsPendingTable *table = cs_pending_table(slot, true);

	mark_modcount_late(slot);
	if (table->whole)
		return;
	if (cs_marks_find(stripe) != NULL)
		cs_stripe_bump(stripe);
	else if (cs_marks.n - cs_marks.nsorted < MAX_LATE || slot < 0)
	{
		cs_marks_add(stripe);
	}
	else
	{
		table->whole = true;
		mark_table(table);
		mark_values(table);
	}
	if (slot >= 0)
		cs_store_unlink(slot, hash);
}

/*
 * Note that a key has changed; contents noted before remain valid.
 */
void
cs_xact_touch_only(int slot, uint64 hash)
{
	used = true;
	if (phase == PHASE_OPEN)
		(void) cs_pending_key(slot, hash);
	else
		touch_late(slot, hash);
}

/*
 * Note that a key has changed, and its new contents.  ROLLBACK TO SAVEPOINT
 * undoes the contents, but not the fact that the key changed: removing too
 * much is safe.
 *
 * Returns the place to which the caller then has to write the value, of
 * publish->len bytes; NULL if it will not be published.  The key is copied.
 */
char *
cs_xact_publish(int slot, uint64 hash, const CsPublish *publish)
{
	CsPendingKey *key;

	used = true;
	if (phase != PHASE_OPEN)
	{
		touch_late(slot, hash);
		return NULL;
	}
	key = cs_pending_key(slot, hash);
	return key == NULL ? NULL : cs_pending_push(key, publish);
}

/*
 * Note that a key has changed, and that its contents are not known.
 */
void
cs_xact_touch(int slot, uint64 hash)
{
	(void) cs_xact_publish(slot, hash, NULL);
}

/*
 * Note that any key may have changed; 'ddl': the triggers must be examined
 * again
 */
void
cs_xact_touch_table(int slot, bool ddl)
{
	used = true;
	cs_pending_whole(slot, ddl);
	if (phase == PHASE_OPEN)
		return;
	mark_table(cs_pending_table(slot, true));
	mark_modcount_late(slot);
	mark_values(cs_pending_table(slot, true));
}

/*
 * Note only that the table has changed; its keys are noted separately.
 */
void
cs_xact_note_table(int slot)
{
	used = true;
	if (phase == PHASE_OPEN)
		(void) cs_pending_table(slot, true);
	else
		mark_modcount_late(slot);
}

/*
 * Note that a value of a watched column has gone or come: its watch word.
 */
void
cs_xact_note_word(int slot, uint32 word)
{
	used = true;
	if (phase == PHASE_OPEN)
	{
		cs_words_note(slot, word);
		return;
	}
	mark_modcount_late(slot);
	if (!cs_words_mark_late(word, top_xid))
	{
		cs_pending_table(slot, true)->all_values = true;
		mark_values(cs_pending_table(slot, true));
	}
}

/*
 * Whether so many values were noted that another would add nothing.
 */
bool
cs_xact_has_all_values(int slot)
{
	CsPendingTable *table = cs_pending_table(slot, false);

	return table != NULL && (table->all_values || table->whole);
}

/*
 * The table is no longer cached when this transaction commits.
 */
void
cs_xact_drop_table(int slot, Oid database, Oid relation)
{
	CsPendingTable *table;

	cs_xact_touch_table(slot, true);
	table = cs_pending_table(slot, true);
	table->dropped = true;
	table->database = database;
	table->relation = relation;
}

/*
 * The table does not exist unless this transaction commits.
 */
void
cs_xact_create_table(int slot, Oid database, Oid relation)
{
	CsPendingTable *table = cs_pending_table(slot, true);

	table->created = true;
	table->database = database;
	table->relation = relation;
}

/*
 * DDL after our marks were set.  It cannot be resolved to a slot here, in an
 * invalidation callback, so every cached table of the database is marked.
 */
static void
ddl_late(void)
{
	int		   *slots = MemoryContextAlloc(cs_pending_context(),
										   cs_max_tables * sizeof(int));
	int			n = cs_slot_list(MyDatabaseId, slots);

	for (int i = 0; i < n; i++)
		cs_xact_touch_table(slots[i], true);
	pfree(slots);
}

/*
 * Note DDL on a relation, cached or not; called from invalidation callbacks.
 */
void
cs_xact_ddl(Oid relation)
{
	used = true;
	if (phase == PHASE_OPEN)
		cs_pending_add_ddl(relation);
	else
		ddl_late();
}

/*
 * PRE_COMMIT has finished: further changes are marked at once
 */
bool
cs_xact_is_late(void)
{
	return phase != PHASE_OPEN;
}

/*
 * Whether this transaction has changed the table.
 */
bool
cs_xact_has_table(int slot)
{
	return cs_pending_table(slot, false) != NULL;
}

/*
 * Whether the table is pending as a whole, so that changes of single keys no
 * longer matter.
 */
bool
cs_xact_is_whole(int slot)
{
	CsPendingTable *table = cs_pending_table(slot, false);

	return table != NULL && table->whole;
}
