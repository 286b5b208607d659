/*-------------------------------------------------------------------------
 *
 * depends.c
 *		What a result depends on: watches of the tables that it was computed
 *		from, as a whole or by value.
 *
 * A table is watched by value if each of its occurrences in the query is read
 * by a condition whose column has a place, or gets one; with one watch for
 * each value.  Every watch has the epoch of the table's slot, so DDL ends them
 * all.
 *
 * The list belongs to the computation that took it: another session may have
 * to watch as a whole what this one watches by value.  So it is kept with the
 * result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"

#include "queryresult/conditions.h"
#include "queryresult/depends.h"
#include "relation/track.h"
#include "xact/snapshot.h"

/* Values in all, of a result; with more its tables are watched as a whole. */
#define MAX_WORDS	16

typedef struct CsTaking
{
	CsDepends  *depends;
	int			max;			/* of the array of watches */
	int			nwords;
	ParamListInfo params;
	Snapshot	snapshot;
	CsDependence *words;		/* of the watches; NULL: not asked for */
} CsTaking;

static void
add(CsTaking *taking, const CsWatch *watch, const CsCondition *condition,
	const Datum *value)
{
	CsDepends  *depends = taking->depends;

	if (depends->nwatches >= taking->max)
	{
		taking->max *= 2;
		depends->watches = repalloc(depends->watches, taking->max * sizeof(CsWatch));
		if (taking->words != NULL)
			taking->words = repalloc(taking->words, taking->max * sizeof(CsDependence));
	}
	if (taking->words != NULL)
	{
		CsDependence *word = &taking->words[depends->nwatches];

		word->relid = watch->relid;
		word->column = cs_place_column(watch->place);
		word->value = NULL;
		if (value != NULL)
			word->value = cs_conditions_text(condition, *value);
	}
	depends->watches[depends->nwatches++] = *watch;
}

static CsTracking
watch_values(CsTaking *taking, const CsWatch *column, const CsCondition *condition,
			 const Datum *values, int n)
{
	CsWatch		watch = *column;

	if (n == 0)
		add(taking, &watch, condition, NULL);
	for (int i = 0; i < n; i++)
	{
		if (!cs_track_watch_word(&watch, cs_values_word(watch.slot, condition->column,
														&condition->hash, values[i])))
			return CS_TRACKING_WRITERS;
		add(taking, &watch, condition, &values[i]);
	}
	taking->nwords += n;
	return CS_TRACKING_YES;
}

/*
 * By the most selective condition that can be; only that one is given a place.
 */
static CsTracking
watch_occurrence(CsTaking *taking, const CsOccurrence *occurrence)
{
	bool		first = true;
	ListCell   *lc;

	foreach(lc, occurrence->conditions)
	{
		const CsCondition *condition = lfirst(lc);
		Datum		values[CS_MAX_VALUES];
		int			n = cs_conditions_values(condition, taking->params, values);
		CsTracking	result;
		CsWatch		watch;

		if (n < 0 || taking->nwords + n > MAX_WORDS)
			continue;
		result = cs_track_watch_column(occurrence->relid, condition->column,
									   taking->snapshot, first, &watch);
		if (result == CS_TRACKING_YES)
			return watch_values(taking, &watch, condition, values, n);
		if (result != CS_TRACKING_WHOLE)
			return result;
		first = false;
	}
	return CS_TRACKING_WHOLE;
}

static CsTracking
watch_by_value(CsTaking *taking, Oid relid, List *occurrences)
{
	CsTracking	result = CS_TRACKING_WHOLE;
	ListCell   *lc;

	foreach(lc, occurrences)
	{
		const CsOccurrence *occurrence = lfirst(lc);

		if (occurrence->relid != relid)
			continue;
		result = watch_occurrence(taking, occurrence);
		if (result != CS_TRACKING_YES)
			break;
	}
	return result;
}

static CsTracking
watch_table(CsTaking *taking, Oid relid, List *occurrences)
{
	int			nwatches = taking->depends->nwatches;
	int			nwords = taking->nwords;
	CsTracking	result = watch_by_value(taking, relid, occurrences);
	CsWatch		watch = {0};

	if (result != CS_TRACKING_WHOLE)
		return result;
	taking->depends->nwatches = nwatches;
	taking->nwords = nwords;
	result = cs_track_watch(relid, &watch);
	if (result == CS_TRACKING_YES)
		add(taking, &watch, NULL, NULL);
	return result;
}

static uint64
highest_prepared_xid(const CsDepends *depends)
{
	uint64		xid = 0;

	for (int i = 0; i < depends->nwatches; i++)
		xid = Max(xid, cs_track_prepared_xid(&depends->watches[i]));
	return xid;
}

/*
 * No change of the tables that a fresh snapshot may show is newer, apart from
 * those that have made a watch fall.  It is not known what transactions
 * changed that were prepared before the server started.
 */
static uint64
newest_change(const CsDepends *depends)
{
	uint64		newest = highest_prepared_xid(depends);

	for (int i = 0; i < depends->nwatches; i++)
		newest = Max(newest, cs_track_last_xid(&depends->watches[i]));
	if (depends->nwatches > 0)
		newest = Max(newest, cs_snapshot_boot_xid() - 1);
	return newest;
}

static CsTracking
take(CsTaking *taking, const Oid *tables, int ntables, List *occurrences, Oid *relid)
{
	CsDepends  *depends = taking->depends;

	depends->nwatches = 0;
	depends->watches = palloc(taking->max * sizeof(CsWatch));
	for (int i = 0; i < ntables; i++)
	{
		CsTracking	result = watch_table(taking, tables[i], occurrences);

		*relid = tables[i];
		if (result != CS_TRACKING_YES)
			return result;
	}
	depends->newest = newest_change(depends);
	return CS_TRACKING_YES;
}

CsTracking
cs_depends_take(CsDepends *depends, const Oid *tables, int ntables, List *occurrences,
				ParamListInfo params, Snapshot snapshot, Oid *relid)
{
	CsTaking	taking = {.depends = depends,.max = ntables + MAX_WORDS,
	.params = params,.snapshot = snapshot};

	return take(&taking, tables, ntables, occurrences, relid);
}

CsTracking
cs_depends_describe(const Oid *tables, int ntables, List *occurrences,
					ParamListInfo params, Snapshot snapshot, Oid *relid,
					CsDependence **words, int *n)
{
	CsDepends	depends;
	CsTaking	taking = {.depends = &depends,.max = ntables + MAX_WORDS,
	.params = params,.snapshot = snapshot};
	CsTracking	result;

	taking.words = palloc(taking.max * sizeof(CsDependence));
	result = take(&taking, tables, ntables, occurrences, relid);
	*words = taking.words;
	*n = depends.nwatches;
	return result;
}

bool
cs_depends_stand(const CsDepends *depends, const Oid *tables, int ntables)
{
	int			table = -1;

	for (int i = 0; i < depends->nwatches; i++)
	{
		const CsWatch *watch = &depends->watches[i];

		if (table < 0 || watch->relid != tables[table])
			table++;
		if (table >= ntables || watch->relid != tables[table] || !cs_track_stands(watch))
			return false;
	}
	return table == ntables - 1;
}

uint64
cs_depends_hash(const CsDepends *depends)
{
	uint64		hash = 0;

	for (int i = 0; i < depends->nwatches; i++)
	{
		const CsWatch *watch = &depends->watches[i];

		hash = hash_combine64(hash, watch->relid);
		hash = hash_combine64(hash, watch->epoch);
		hash = hash_combine64(hash, watch->version);
		hash = hash_combine64(hash, watch->place);
		hash = hash_combine64(hash, watch->word);
		hash = hash_combine64(hash, watch->word_version);
	}
	return hash;
}

CsFall
cs_depends_fall(const CsDepends *depends, Oid *relid)
{
	for (int i = 0; i < depends->nwatches; i++)
	{
		CsFall		fall = cs_track_fall(&depends->watches[i]);

		*relid = depends->watches[i].relid;
		if (fall != CS_FALL_NONE)
			return fall;
	}
	return CS_FALL_NONE;
}

bool
cs_depends_may_fill(const CsDepends *depends, Snapshot snapshot)
{
	return depends->nwatches == 0 ||
		cs_snapshot_may_fill(snapshot, highest_prepared_xid(depends));
}

bool
cs_depends_may_keep(const CsDepends *depends, const Oid *tables, int ntables,
					Snapshot snapshot)
{
	pg_memory_barrier();
	return cs_depends_stand(depends, tables, ntables) &&
		cs_depends_may_fill(depends, snapshot);
}
