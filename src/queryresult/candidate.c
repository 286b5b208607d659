/*-------------------------------------------------------------------------
 *
 * candidate.c
 *		Statements whose results could be kept if their tables were tracked.
 *
 * Of each shape its calls are counted; of the first SAMPLE_FIRST calls, and
 * then of one of SAMPLE_EVERY, how long they take, and whether they were made
 * lately with the same values.  "Lately" is a set of bits (tally.h), one for a
 * hash of the values, that is emptied when it is half full, after some hundred
 * different ones.  Calls that repeat less often than that count as new, so the
 * estimate of what tracking would save is rather too low; that results fall
 * with changes is not in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/lsyscache.h"

#include "queryresult/candidate.h"
#include "queryresult/query.h"
#include "queryresult/tally.h"

#define SAMPLE_FIRST	64
#define SAMPLE_EVERY	16

/* Is this call to be looked at?  If not, that is all that is counted of it. */
bool
cs_candidate_sampled(uint64 key)
{
	const CsTally *tally = cs_tally_find(key);
	uint64		calls;

	if (tally == NULL)
		return true;
	calls = pg_atomic_read_u64(&tally->shared->count[CS_TALLY_CALLS]) +
		tally->count[CS_TALLY_CALLS];
	if (calls < SAMPLE_FIRST || calls % SAMPLE_EVERY == 0)
		return true;
	cs_tally_executed(key, CS_TALLY_CALLS);
	return false;
}

static uint64
hash_params(uint64 hash, ParamListInfo params)
{
	StringInfoData values;

	if (params == NULL)
		return hash;
	initStringInfo(&values);
	for (int i = 1; i <= params->numParams; i++)
	{
		ParamExternData workspace;
		const ParamExternData *value = cs_query_param(params, i, true, &workspace);
		int16		typlen;
		bool		typbyval;

		if (value == NULL || value->isnull || !OidIsValid(value->ptype))
		{
			appendStringInfoChar(&values, '\0');
			continue;
		}
		get_typlenbyval(value->ptype, &typlen, &typbyval);
		cs_query_fingerprint_value(typlen, typbyval, value->value, &values);
	}
	hash = hash_combine64(hash, hash_bytes_extended((unsigned char *) values.data, values.len, 0));
	pfree(values.data);
	return hash;
}

/*
 * A call that was looked at has ended.  'values' stands for its constants;
 * 'nanos' is how long it took, 0 if that is not known.
 */
void
cs_candidate_note(uint64 key, uint64 values, ParamListInfo params, int64 nanos)
{
	if (nanos > 0)
		cs_tally_ran(key, nanos);
	cs_tally_add(key, CS_TALLY_SAMPLED, 1);
	if (cs_tally_saw(key, hash_params(values, params)))
		cs_tally_add(key, CS_TALLY_REPEATED, 1);
	cs_tally_executed(key, CS_TALLY_CALLS);
}
