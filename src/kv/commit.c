/*-------------------------------------------------------------------------
 *
 * commit.c
 *		How the keys that a transaction has changed become valid.
 *
 *		PRE_COMMIT	open the commit flag; stage every key; give the commit flag the xid
 *		COMMIT		flip the commit flag, THEN settle every key, THEN close the commit flag,
 *					THEN take back the counters of locks
 *		ABORT		settle every key, THEN the same
 *
 * The flip changes all keys at once; settling only makes that last when the
 * commit flag goes on to another transaction.  All that can fail is done at
 * PRE_COMMIT.
 *
 * The locks themselves are given back by PostgreSQL, after these callbacks.
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

static uint64 tag = 0;			/* of the commit flag while it is open */
static bool ending = false;		/* PRE_COMMIT is done, or under way */
static bool notifies = false;	/* this session has used NOTIFY */

/* ----- PRE_COMMIT ----- */

void
cs_commit_check_open(void)
{
	if (ending)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot change keys of the cache while the transaction is being committed")));
}

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
 * PostgreSQL hands over notifications when we have been through PRE_COMMIT, and
 * assigns an xid for that.  Whoever is notified that a key has changed must not
 * read the old value, so then the xid is needed here already.
 */
void
cs_commit_note_notify(void)
{
	notifies = true;
}

/* Deferred writes may have had an xid assigned meanwhile. */
static void
after_marks(void)
{
	if (tag == 0)
		return;
	cs_commitflag_set_xid(U64FromFullTransactionId(notifies ? GetTopFullTransactionId() :
												   GetTopFullTransactionIdIfAny()));
}

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
