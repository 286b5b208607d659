/*-------------------------------------------------------------------------
 *
 * commit.c
 *		Making the keys that a transaction has changed valid.
 *
 *		PRE_COMMIT	open the commit flag; stage every key; set the commit
 *					flag's xid
 *		COMMIT		flip the commit flag, THEN settle every key, THEN close the
 *					commit flag, THEN decrement the counters of locks
 *		ABORT		settle every key, THEN close and decrement likewise
 *
 * The flip changes all keys at once.  Settling makes the change independent of
 * the commit flag, which is then reused.  Everything that can fail is done at
 * PRE_COMMIT.
 *
 * The locks themselves are released by PostgreSQL, after these callbacks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"

#include "kv/commit.h"
#include "kv/commitflag.h"
#include "kv/xactkeys.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/staged.h"
#include "testpoint.h"
#include "xact/participant.h"

static uint64 tag = 0;			/* of the commit flag while it is open, else 0 */
static bool ending = false;		/* PRE_COMMIT has begun */
static bool notifies = false;	/* this session has used NOTIFY */

/* ----- PRE_COMMIT ----- */

/*
 * Throw an error if it is too late for changes in this transaction.
 */
void
cs_commit_check_open(void)
{
	if (ending)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot change keys of the cache while the transaction is being committed")));
}

/*
 * Throw 53200: no room for keys of the space.
 */
void
cs_commit_no_room_error(const CsSpace *space, const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("%s", message),
			 space->max_memory != 0 ?
			 errdetail("Space \"%s\" may take %lld bytes.", space->name,
					   (long long) space->max_memory) : 0,
			 space->max_memory != 0 ?
			 errhint("Raise max_memory of the space, or cache_strategies.memory.") :
			 errhint("Raise cache_strategies.memory.")));
}

/*
 * Stage one changed key in the store.  A best-effort change that finds no room
 * is staged as a removal.
 */
static void
stage(CsXactKeyKey *own)
{
	const CsSpace *space = &own->space->space;
	const CsXactKeyState *state = own->top;
	bool		remove = state->bytes == NULL ||
	(state->expires != 0 && state->expires <= cs_clock_now());
	CsMeta		meta = {
		.epoch = space->epoch,
		.expires = state->expires,
		.flags = state->flags
	};

	CsStage		result;

	own->staged = true;
	result = cs_store_stage(&own->key, tag, &meta, remove ? NULL : state->bytes,
							remove ? 0 : state->len, space->max_memory);
	if ((result == CS_STAGE_FULL || result == CS_STAGE_TOO_LARGE) && state->best_effort)
	{
		result = cs_store_stage(&own->key, tag, &meta, NULL, 0, space->max_memory);
		own->dropped = true;
	}
	switch (result)
	{
		case CS_STAGE_DONE:
			break;
		case CS_STAGE_CONFLICT:
			elog(ERROR, "a key is staged by another transaction");
			break;
		case CS_STAGE_TOO_LARGE:
		case CS_STAGE_FULL:
			cs_commit_no_room_error(space, "no room in the cache for the keys of this transaction");
			break;
	}
}

/*
 * PRE_COMMIT, before the marks of the tables.
 */
static void
before_marks(void)
{
	ending = true;
	if (cs_xactkeys.context == NULL || !cs_xactkeys_is_changed())
		return;
	CS_TEST_POINT("kv_before_stage");
	tag = cs_commitflag_open();
	for (CsXactKeyKey *own = cs_xactkeys.list; own != NULL; own = own->next)
	{
		CHECK_FOR_INTERRUPTS();
		if (own->top != NULL)
			stage(own);
	}
	CS_TEST_POINT("kv_after_stage");
}

/*
 * Note that this session may send notifications.
 *
 * PostgreSQL hands over notifications after our PRE_COMMIT, and assigns an xid
 * for that.  A session that is notified of a key's change must not read the
 * old value, so the xid is then assigned here already.
 */
void
cs_commit_note_notify(void)
{
	notifies = true;
}

/*
 * PRE_COMMIT, after the marks of the tables.  Deferred writes may have had an
 * xid assigned meanwhile.
 */
static void
after_marks(void)
{
	if (tag == 0)
		return;
	cs_commitflag_set_xid(U64FromFullTransactionId(notifies ? GetTopFullTransactionId() :
												   GetTopFullTransactionIdIfAny()));
}

/*
 * PREPARE TRANSACTION is refused if keys have been changed.
 */
static void
prepare(void)
{
	if (cs_xactkeys.context != NULL && cs_xactkeys_is_changed())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has changed keys of the cache")));
	ending = true;
}

/* ----- the end: nothing here throws or allocates ----- */

/*
 * Settle what was staged.
 */
static void
settle_all(bool committed)
{
	for (CsXactKeyKey *own = cs_xactkeys.list; own != NULL; own = own->next)
	{
		if (!own->staged)
			continue;
		cs_store_settle(&own->key, tag, committed);
		own->staged = false;
		if (committed && own->top->bytes != NULL && !own->dropped &&
			own->key.data[0] == CS_KV_KEY)
			cs_counters_add(own->space->space.slot, CS_COUNT_PUBLISH, 1);
	}
}

/*
 * Close the commit flag and forget the list of changed keys.
 */
static void
end(void)
{
	if (tag != 0)
		cs_commitflag_close();
	tag = 0;
	ending = false;
	if (cs_xactkeys.context == NULL)
		return;
	cs_xactkeys_release();
	cs_xactkeys_forget();
}

static void
committed(void)
{
	if (tag != 0)
	{
		CS_TEST_POINT("kv_before_flip");
		cs_commitflag_flip();
		CS_TEST_POINT("kv_after_flip");
		settle_all(true);
		CS_TEST_POINT("kv_after_settle");
	}
	end();
}

static void
aborted(void)
{
	if (tag != 0)
	{
		settle_all(false);
	}
	end();
}

static const CsParticipant participant = {
	.before_marks = before_marks,
	.after_marks = after_marks,
	.prepare = prepare,
	.committed = committed,
	.aborted = aborted
};

void
cs_commit_init(void)
{
	cs_xactkeys_init();
	cs_xact_join(&participant);
}
