/*-------------------------------------------------------------------------
 *
 * keeper.c
 *		One run of a plain statement: finding a result that holds for its
 *		snapshot, and keeping what it has computed under that.
 *
 * The rules, with S for the statement's own snapshot:
 *
 *		hit		the watches stand, and S sees whatever the snapshot saw that
 *				the entry was computed under, up to W, the newest xid that had
 *				changed any of the tables
 *		keep	after the last row: watches on every table, by value where the
 *				plan's conditions allow it (depends.c), then W and the highest
 *				prepared xid.  Under the partition lock the watches stand,
 *				S.xmin is above the prepared xid, and S agrees with now up to W
 *
 * No token from before the run is needed.  S does not see a writer that
 * changes a table during the run.  If the writer has marked the table before
 * the table was watched, W is not below its xid, and S does not agree with
 * now; otherwise the watch falls.  A transaction of S's list that is still
 * running will mark the table after the watch.
 *
 * An entry without watches has a result that was no longer exact when it was
 * complete; it is kept only for statements that specify how old their result
 * may be (max_age).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "queryresult/conditions.h"
#include "queryresult/keeper.h"
#include "queryresult/kept.h"
#include "relation/track.h"
#include "store/clock.h"
#include "store/counters.h"
#include "testpoint.h"
#include "xact/snapshot.h"
#include "xact/xact.h"

/* Of max_age, so much is the time in which a result is computed anew. */
#define AHEAD_PART	5

static bool
refuse(const char **why, const char *reason)
{
	*why = reason;
	return false;
}

/* ----- may the run use what is kept at all? ----- */

static char *
table_name(Oid relid)
{
	char	   *name = get_rel_name(relid);

	return name != NULL ? name : psprintf("table %u", relid);
}

static bool
is_not_own(CsKeeper *keeper, const char **why)
{
	Oid			own = cs_track_own(keeper->tables, keeper->ntables);

	keeper->own = OidIsValid(own);
	if (!keeper->own)
		return true;
	return refuse(why, psprintf("the transaction may have changed %s itself", table_name(own)));
}

static bool
is_possible(const CsShape *shape, Snapshot snapshot, const char **why)
{
	if (cs_results == CS_RESULTS_OFF)
		return refuse(why, "cache_strategies.results is off");
	if (!cs_enabled)
		return refuse(why, "cache_strategies.enabled is off");
	if (RecoveryInProgress() || snapshot->takenDuringRecovery)
		return refuse(why, "the server is in recovery");
	if (IsolationIsSerializable())
		return refuse(why, "the transaction is serializable");
	if (snapshot->snapshot_type != SNAPSHOT_MVCC)
		return refuse(why, "the snapshot is not an ordinary one");
	if (!shape->permitted)
		return refuse(why, "a privilege is missing");
	return true;
}

/* The role's own space, with a slot if it can have one. */
static bool
find_space(CsKeeper *keeper, const char **why)
{
	if (!OidIsValid(cs_space_catalog()))
		return refuse(why, "the extension is not installed in this database");
	keeper->space = *cs_space_get_with_slot(NULL);
	if (keeper->space.slot < 0)
		return refuse(why, "the role's space has no slot");
	return true;
}

static bool
make_key(CsKeeper *keeper, const CsShape *shape, ParamListInfo params, const char **why)
{
	StringInfoData fingerprint;

	initStringInfo(&fingerprint);
	if (!cs_shape_fingerprint(shape, params, &fingerprint))
		return refuse(why, "a parameter has no value");
	if (fingerprint.len > CS_LONGEST_FINGERPRINT)
		cs_query_shorten(&fingerprint);
	cs_kv_key(&keeper->key, &keeper->space, CS_KV_STATEMENT, fingerprint.data, fingerprint.len);
	return true;
}

/* No snapshot of a transaction is older than that. */
static TimestampTz
as_of_transaction(void)
{
	return cs_clock_now() - Max(GetCurrentTimestamp() - GetCurrentTransactionStartTimestamp(), 0);
}

bool
cs_keeper_begin(CsKeeper *keeper, const CsShape *shape, ParamListInfo params,
				Snapshot snapshot, const CsStatementTerms *terms, const char **why)
{
	if (!is_possible(shape, snapshot, why))
		return false;
	keeper->shape = shape->number;
	keeper->timely = shape->timely;
	keeper->ntables = shape->ntables;
	keeper->tables = palloc(shape->ntables * sizeof(Oid) + 1);
	memcpy(keeper->tables, shape->tables, shape->ntables * sizeof(Oid));
	keeper->snapshot = snapshot;
	keeper->terms = *terms;
	keeper->asof = as_of_transaction();
	cs_xact_note_use();
	if (!is_not_own(keeper, why) || !find_space(keeper, why) ||
		!make_key(keeper, shape, params, why))
		return false;
	/* as the statement itself would wait for a change of a view */
	for (int i = 0; i < shape->nviews; i++)
		LockRelationOid(shape->views[i], AccessShareLock);
	if (cs_shape_find(keeper->shape) == NULL)
		return refuse(why, "something that it uses has just been changed");
	return true;
}

void
cs_keeper_set_conditions(CsKeeper *keeper, List *nodes, const CsShape *shape,
						 ParamListInfo params)
{
	if (nodes == NIL)
		return;
	keeper->conditions = cs_conditions_bind(cs_conditions_read(nodes), params);
	keeper->conditions = cs_conditions_add_whole(keeper->conditions, shape->opened,
												 shape->nopened);
}

/* ----- hits ----- */

static bool
is_young(const CsKeeper *keeper, const CsKept *kept)
{
	return keeper->terms.max_age > 0 &&
		cs_clock_now() - kept->asof <= keeper->terms.max_age;
}

static bool
is_exact(const CsKeeper *keeper, const CsKept *kept)
{
	return !keeper->timely &&
		cs_depends_stand(&kept->depends, keeper->tables, keeper->ntables) &&
		cs_snapshot_sees_up_to(keeper->snapshot, kept->seen, kept->depends.newest);
}

/* The last part of the time for which it may be used. */
static bool
is_soon_too_old(const CsKeeper *keeper, const CsKept *kept)
{
	int64		part = keeper->terms.max_age / AHEAD_PART;
	int64		lead = Min(Max(part, 2 * kept->cost), keeper->terms.max_age / 2);

	return cs_clock_now() - kept->asof > keeper->terms.max_age - lead;
}

/* Why it does not hold, for the counters. */
static void
note_fall(const CsKept *kept, CsFinding *finding)
{
	switch (cs_depends_fall(&kept->depends, &finding->fell))
	{
		case CS_FALL_NONE:
			break;
		case CS_FALL_VALUE:
			finding->missed = CS_TALLY_FELL_VALUE;
			return;
		case CS_FALL_TABLE:
			finding->missed = CS_TALLY_FELL_TABLE;
			return;
		case CS_FALL_WHOLE:
			finding->missed = CS_TALLY_FELL_EPOCH;
			return;
	}
	finding->fell = InvalidOid;
	finding->missed = kept->depends.nwatches > 0 ? CS_TALLY_OTHER_SNAPSHOT : CS_TALLY_EXPIRED;
}

bool
cs_keeper_find(CsKeeper *keeper, CsFinding *finding)
{
	CsKept		kept;

	memset(finding, 0, sizeof(*finding));
	if (!cs_kept_find(&keeper->key, &keeper->space, &kept))
	{
		finding->missed = kept.expired ? CS_TALLY_EXPIRED : CS_TALLY_ABSENT;
		return false;
	}
	finding->cost = kept.cost * 1000;
	finding->exact = is_exact(keeper, &kept);
	if (!finding->exact && !is_young(keeper, &kept))
	{
		note_fall(&kept, finding);
		return false;
	}
	finding->ahead = !finding->exact && is_soon_too_old(keeper, &kept);
	for (int i = 0; finding->exact && i < kept.depends.nwatches; i++)
		cs_track_use(&kept.depends.watches[i]);
	finding->data = (char *) kept.data;
	finding->len = kept.len;
	finding->expires = kept.expires;
	return true;
}

bool
cs_keeper_is_there(const CsKeeper *keeper)
{
	CsKept		kept;

	return cs_kept_find(&keeper->key, &keeper->space, &kept) &&
		(is_exact(keeper, &kept) || is_young(keeper, &kept));
}

void
cs_keeper_sample(const CsKeeper *keeper, const CsFinding *finding, bool hit)
{
	if (hit)
		cs_kept_sample_hit(&keeper->key, &keeper->space, finding->len, finding->expires);
	else
		cs_kept_sample_miss(&keeper->key,
							finding->data == NULL && finding->missed != CS_TALLY_ABSENT);
}

static CsCount
miss_of(const CsFinding *finding)
{
	if (finding->data != NULL)
		return CS_COUNT_MISS_ANEW;
	switch (finding->missed)
	{
		case CS_TALLY_ABSENT:
			return CS_COUNT_MISS_COLD;
		case CS_TALLY_EXPIRED:
			return CS_COUNT_MISS_EXPIRED;
		case CS_TALLY_OTHER_SNAPSHOT:
			return CS_COUNT_MISS_SNAPSHOT;
		default:
			return CS_COUNT_MISS_FALLEN;
	}
}

void
cs_keeper_count(const CsKeeper *keeper, const CsFinding *finding, bool hit)
{
	cs_counters_add(keeper->space.slot, hit ? CS_COUNT_HIT : miss_of(finding), 1);
}

/* ----- keeping ----- */

Size
cs_keeper_limit(void)
{
	return Min((Size) cs_max_result_kb * 1024, cs_store_max_value());
}

/* False: a change is under way, or changes are not noted. */
static bool
watch_tables(const CsKeeper *keeper, CsDepends *depends, const char **why)
{
	Oid			relid;
	CsTracking	tracking = cs_depends_take(depends, keeper->tables, keeper->ntables,
										   keeper->conditions, NULL, keeper->snapshot,
										   &relid);

	switch (tracking)
	{
		case CS_TRACKING_YES:
			return true;
		case CS_TRACKING_WRITERS:
			return refuse(why, psprintf("a change of %s is being committed", table_name(relid)));
		case CS_TRACKING_UNTRACKED:
			return refuse(why, psprintf("%s is not tracked", table_name(relid)));
		case CS_TRACKING_BLIND:
		case CS_TRACKING_WHOLE:
			break;
	}
	return refuse(why, psprintf("not all changes of %s are seen at the moment", table_name(relid)));
}

static bool
may_fill(const CsKeeper *keeper, const CsKept *kept)
{
	return cs_snapshot_widen(keeper->snapshot->xmin) >= cs_snapshot_boot_xid() &&
		cs_depends_may_fill(&kept->depends, keeper->snapshot);
}

/*
 * The token of the protocol, and whether S may be kept by it.  Nothing of it
 * may be looked up again later.
 */
static bool
take_token(const CsKeeper *keeper, CsKept *kept, const char **why)
{
	cs_snapshot_boot();
	if (cs_snapshot_boot_xid() == 0)
		return refuse(why, "the server is starting");
	if (!watch_tables(keeper, &kept->depends, why))
		return false;
	CS_TEST_POINT("result_token");
	if (!may_fill(keeper, kept))
		return refuse(why, "transactions are running that may have changed its tables unseen");
	if (!cs_snapshot_agrees_up_to(keeper->snapshot, kept->depends.newest))
		return refuse(why, "a table has changed since the statement's snapshot was taken");
	return true;
}

bool
cs_keeper_could_keep(CsKeeper *keeper, const char **why)
{
	CsKept		kept = {0};
	bool		could = take_token(keeper, &kept, why);

	keeper->token = kept.depends;
	return could || keeper->terms.max_age > 0;
}

/*
 * A result that may be old serves all, whatever has changed since.
 */
uint64
cs_keeper_flight(const CsKeeper *keeper)
{
	uint64		hash = keeper->key.key.hash;

	return keeper->terms.max_age > 0 ? hash :
		hash_combine64(hash, cs_depends_hash(&keeper->token));
}

bool
cs_keeper_stands(void *arg)
{
	const CsKeeper *keeper = arg;

	return keeper->terms.max_age > 0 ||
		cs_depends_stand(&keeper->token, keeper->tables, keeper->ntables);
}

typedef struct KeepCheck
{
	const CsKeeper *keeper;
	const CsKept *kept;
	bool		exact;
} KeepCheck;

/* Under the partition lock.  S is not older than the server's start. */
static bool
may_keep(void *arg)
{
	const KeepCheck *check = arg;
	const CsKeeper *keeper = check->keeper;

	if (check->exact &&
		!cs_depends_may_keep(&check->kept->depends, keeper->tables, keeper->ntables,
							 keeper->snapshot))
		return false;
	pg_memory_barrier();
	return cs_slot_epoch(cs_slot_peek(keeper->space.slot)) == keeper->space.epoch;
}

static bool
install(CsKeeper *keeper, CsKept *kept, bool exact, const char **why)
{
	KeepCheck	check = {keeper, kept, exact};
	int64		ttl = keeper->terms.ttl > 0 ? keeper->terms.ttl : keeper->space.ttl;
	CsInstall	installed;

	kept->seen = cs_snapshot_seen(keeper->snapshot);
	installed = cs_kept_install(&keeper->key, &keeper->space, kept,
								cs_clock_after(exact || ttl > 0 ? ttl : keeper->terms.max_age),
								may_keep, &check);
	if (installed == CS_INSTALL_REFUSED)
		return refuse(why, "a table has just been changed");
	if (installed != CS_INSTALL_DONE)
		return refuse(why, "there is no room for it");
	return true;
}

bool
cs_keeper_keep(CsKeeper *keeper, const char *data, Size len, int64 cost, const char **why)
{
	CsKept		kept = {.asof = keeper->asof,.cost = (cost + 999) / 1000,
	.data = data,.len = len};
	bool		exact;

	CS_TEST_POINT("result_computed");
	/* functions that it called may have changed anything */
	if (!is_not_own(keeper, why))
		return false;
	exact = take_token(keeper, &kept, why);
	if (cs_shape_find(keeper->shape) == NULL)
		return refuse(why, "something that it uses was changed meanwhile");
	if (!exact && keeper->terms.max_age <= 0)
		return false;
	if (!exact)
		kept.depends.nwatches = 0;
	return install(keeper, &kept, exact, why);
}

static char *
watch_text(const CsDependence *word)
{
	char	   *schema = get_namespace_name(get_rel_namespace(word->relid));
	const char *name;

	name = quote_qualified_identifier(schema, table_name(word->relid));
	if (word->column == 0)
		return pstrdup(name);
	return psprintf("%s (%s = %s)", name,
					quote_identifier(get_attname(word->relid, word->column, false)),
					word->value != NULL ? word->value : "NULL");
}

void
cs_keeper_describe(const CsKeeper *keeper, List **tables, List **values)
{
	CsDependence *words;
	Oid			relid;
	int			n;

	*tables = *values = NIL;
	if (cs_depends_describe(keeper->tables, keeper->ntables, keeper->conditions, NULL,
							keeper->snapshot, &relid, &words, &n) == CS_TRACKING_YES)
		for (int i = 0; i < n; i++)
		{
			List	  **list = words[i].column == 0 ? tables : values;

			*list = lappend(*list, watch_text(&words[i]));
		}
	else
		for (int i = 0; i < keeper->ntables; i++)
		{
			CsDependence whole = {.relid = keeper->tables[i]};

			*tables = lappend(*tables, watch_text(&whole));
		}
}
