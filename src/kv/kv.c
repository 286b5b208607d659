/*-------------------------------------------------------------------------
 *
 * kv.c
 *		Keys and values: making keys, and reading.
 *
 * What this transaction has changed is in the list of changed keys
 * (xactkeys.c). Everything else is in the store, where the changes staged by
 * other transactions may or may not be valid already (commitflag.c).  Reading
 * takes no lock, unless another transaction has staged a change of the same
 * key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kv/commit.h"
#include "kv/commitflag.h"
#include "kv/entry.h"
#include "kv/kv.h"
#include "kv/tag.h"
#include "kv/xactkeys.h"
#include "store/clock.h"
#include "store/counters.h"
#include "store/keyhash.h"
#include "store/latency.h"
#include "store/miniature.h"
#include "store/trace.h"
#include "xact/xact.h"

/*
 * Called once per process, when the library is loaded.
 */
void
cs_kv_init(void)
{
	cs_commit_init();
}

/* As cs_kv_key(), with memory of the caller, of len + 1 bytes. */
void
cs_kv_key_in(CsKvKey *result, const CsSpace *space, char kind, const char *data,
			 Size len, char *bytes)
{
	bytes[0] = kind;
	memcpy(bytes + 1, data, len);
	result->space = space;
	result->key.hash = cs_keyhash(bytes, len + 1, 0);
	result->key.owner = (uint32) space->slot;
	result->key.len = (uint32) (len + 1);
	result->key.data = bytes;
}

/*
 * Make a key from its bytes, which are copied into the current context.
 * Throws 54000 if there are too many.
 */
void
cs_kv_key(CsKvKey *result, const CsSpace *space, char kind, const char *data, Size len)
{
	if (len >= CS_MAX_KEY_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the key is too long"),
				 errdetail("It has %zu bytes, and %d are allowed.", len,
						   CS_MAX_KEY_LEN - 1)));
	cs_kv_key_in(result, space, kind, data, len, palloc(len + 1));
}

/* ----- reading ----- */

/* Whether the value's tags still have the versions that it carries. */
bool
cs_kv_holds(const CsKvKey *key, const CsKvValue *value)
{
	return value->ntags == 0 ||
		cs_tag_all_hold(key->space, value->tags, value->ntags);
}

/*
 * Value that this transaction has given the key; false if it has none.  It
 * points into the list of changed keys and is not a copy.
 */
bool
cs_kv_peek_own(const CsKvKey *key, const CsXactKeyState *state, CsKvValue *value)
{
	if (state->bytes == NULL)
		return false;
	if (state->expires != 0 && state->expires <= cs_clock_now())
		return false;
	cs_entry_decode(state->bytes, state->len, state->expires, value);
	return cs_kv_holds(key, value);
}

/*
 * As cs_kv_peek_own(), with a copy of the data.
 */
static bool
read_own(const CsKvKey *key, const CsXactKeyState *state, CsKvValue *value)
{
	CsXactKeyState copy = *state;

	if (copy.bytes != NULL)
		copy.bytes = memcpy(MemoryContextAllocHuge(CurrentMemoryContext, copy.len),
							state->bytes, copy.len);
	return cs_kv_peek_own(key, &copy, value);
}

/*
 * cs_kv_read_store(), with the reason if there is no value.
 *
 * A transaction that invalidates a tag and sets a key that carries it may
 * commit between our reading the key and our reading the tag.  So read again
 * until the key has stayed the same.
 */
static bool
read_store(const CsKvKey *key, bool pass, CsKvValue *value, CsCount *miss)
{
	CsLook		look = {.epoch = key->space->epoch,.value = true};
	uint64		version = 0;
	CsFound		found;

	*miss = CS_COUNT_MISS_TAG;
	while (cs_commitflag_lookup(&key->key, &look, pass, &found) == CS_LOOKUP_HIT)
	{
		cs_entry_decode(found.value, found.len, found.meta.expires, value);
		if (cs_kv_holds(key, value))
			return true;
		if (cs_entry_version(found.value) == version)
			return false;
		version = cs_entry_version(found.value);
		pfree(found.value);
	}
	*miss = look.expired ? CS_COUNT_MISS_EXPIRED : CS_COUNT_MISS_COLD;
	return false;
}

/* Report a read of a sampled key to the store's miniatures. */
static void
sample(const CsKvKey *key, const CsKvValue *value, CsCount miss)
{
	CsMeta		meta = {0};

	if (key->space->slot < 0)
		return;
	if (value == NULL)
	{
		if (miss == CS_COUNT_MISS_TAG)
			cs_miniature_note_removal(key->key.owner, key->key.hash);
		cs_miniature_note_miss(&key->key);
		return;
	}
	meta.epoch = key->space->epoch;
	meta.expires = value->expires;
	cs_miniature_note_hit(&key->key, &meta, cs_entry_size(value));
}

/*
 * Value of a key in the store, ignoring changes of this transaction.  For
 * 'pass' see cs_commitflag_lookup().  The value is palloc'd.
 */
bool
cs_kv_read_store(const CsKvKey *key, bool pass, CsKvValue *value)
{
	CsCount		miss;

	return read_store(key, pass, value, &miss);
}

/*
 * Trace what was done with a key, if that is wanted.
 */
void
cs_kv_trace(const CsKvKey *key, const char *operation, const char *outcome,
			const char *reason, int64 nanos)
{
	CsTraced	traced = {0};

	if (!cs_trace_wants(CS_LATENCY_EVERY))
		return;
	traced.strategy = "space";
	traced.object = key->space->own ? "(private)" : key->space->name;
	traced.key = pnstrdup(key->key.data + 1, Min(key->key.len - 1, CS_TRACE_TEXT));
	traced.operation = operation;
	traced.outcome = outcome;
	traced.reason = reason;
	traced.nanos = nanos;
	cs_trace_emit(&traced);
}

static void
timed_read(const CsKvKey *key, bool found, CsCount miss, int64 nanos)
{
	const char *reason = "not in the cache";

	if (found)
		cs_latency_add(CS_LATENCY_KEY_HIT, nanos);
	if (miss == CS_COUNT_MISS_EXPIRED)
		reason = "the value has expired";
	else if (miss == CS_COUNT_MISS_TAG)
		reason = "a tag was invalidated";
	cs_kv_trace(key, "get", found ? "hit" : "miss", found ? NULL : reason, nanos);
}

/*
 * Read a key: the value that this transaction has given it, else the one that
 * was committed last.  Returns false if there is none, if it has expired, or
 * if one of its tags was invalidated.  The value is palloc'd in the current
 * context. Counts the read.
 */
bool
cs_kv_read(const CsKvKey *key, CsKvValue *value)
{
	const CsXactKeyKey *own = cs_xactkeys_find(key);
	CsCount		miss = CS_COUNT_MISS_COLD;
	int64		began = cs_latency_begin();
	bool		found;

	if (own != NULL)
		found = read_own(key, own->top, value);
	else
	{
		found = key->space->slot >= 0 && read_store(key, false, value, &miss);
		if (cs_miniature_sampled(key->key.hash))
			sample(key, found ? value : NULL, miss);
	}
	if (unlikely(began != 0))
		timed_read(key, found, miss, cs_clock_nanos() - began);
	cs_counters_add(key->space->slot, found ? CS_COUNT_HIT : miss, 1);
	cs_xact_note_use();
	return found;
}

/* Whether a key has a value, without copying it or counting the read. */
bool
cs_kv_exists(const CsKvKey *key)
{
	const CsXactKeyKey *own = cs_xactkeys_find(key);
	CsLook		look = {.epoch = key->space->epoch};
	CsKvValue	value;
	CsFound		found;

	if (own != NULL)
		return cs_kv_peek_own(key, own->top, &value);
	if (key->space->slot < 0)
		return false;
	(void) cs_commitflag_lookup(&key->key, &look, false, &found);
	if (look.alive && (found.meta.flags & CS_ENTRY_TAGGED) != 0)
		return cs_kv_read_store(key, false, &value);
	return look.alive;
}
