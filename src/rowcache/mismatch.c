/*-------------------------------------------------------------------------
 *
 * mismatch.c
 *		Does a cached row have the image of the table's row, and what to log if
 *		it has not.
 *
 * The cached bytes are the suspect.  So it is made sure first that every value
 * lies within them; only then are they taken apart.
 *
 * What is logged goes to the server's log only, since it has values of the
 * row.  The log has what is needed to find out how the entry came to be wrong:
 * the entry, the row, the snapshot, and the words of the protocol.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "access/xlog.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "rowcache/mismatch.h"
#include "store/clock.h"
#include "store/slot.h"
#include "store/stripe.h"
#include "xact/attempt.h"
#include "xact/snapshot.h"

/*
 * Of a value, so many characters are logged; of bytes that are no row, bytes.
 */
#define MAX_VALUE	64
#define MAX_BYTES	256

/* ----- comparing ----- */

/*
 * Whether the value at this place ends within the data; if so, where.
 */
static bool
end_of_value(Form_pg_attribute att, const char *data, Size off, Size len, bool compressed,
			 Size *end)
{
	const char *value = data + off;
	Size		size;

	if (att->attlen > 0)
		size = att->attlen;
	else if (att->attlen == -2)
		size = strnlen(value, len - off) + 1;
	else
	{
		if (len - off < 1 || VARATT_IS_1B_E(value) ||
			(!VARATT_IS_1B(value) && (len - off < VARHDRSZ ||
									  (!compressed && VARATT_IS_4B_C(value)))))
			return false;
		size = VARSIZE_ANY(value);
		if (size < (VARATT_IS_1B(value) ? VARHDRSZ_SHORT :
					VARATT_IS_4B_C(value) ? VARHDRSZ_COMPRESSED : VARHDRSZ))
			return false;
	}
	*end = off + size;
	return size <= len - off;
}

/* Whether the tuple's values lie one after the other within its length. */
static bool
values_fit(TupleDesc tupdesc, HeapTupleHeader row, Size len, bool compressed)
{
	bool		hasnull = (row->t_infomask & HEAP_HASNULL) != 0;
	const char *data = (const char *) row + row->t_hoff;
	Size		room = len - row->t_hoff;
	Size		off = 0;

	for (int i = 0; i < HeapTupleHeaderGetNatts(row); i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (hasnull && att_isnull(i, row->t_bits))
			continue;
		if (off >= room)
			return false;
		if (att->attlen == -1)
			off = att_align_pointer(off, att->attalign, -1, data + off);
		else
			off = att_align_nominal(off, att->attalign);
		if (off >= room || !end_of_value(att, data, off, room, compressed, &off))
			return false;
	}
	return true;
}

/*
 * Whether a tuple of this length can be taken apart.  Values may be compressed
 * if 'compressed'.
 */
bool
cs_mismatch_fits(TupleDesc tupdesc, HeapTupleHeader row, Size len, bool compressed)
{
	Size		least = offsetof(HeapTupleHeaderData, t_bits);

	if (len < least)
		return false;
	if (row->t_infomask & HEAP_HASNULL)
		least += BITMAPLEN(HeapTupleHeaderGetNatts(row));
	return row->t_hoff <= len && row->t_hoff >= least && row->t_hoff == MAXALIGN(row->t_hoff) &&
		HeapTupleHeaderGetNatts(row) <= tupdesc->natts &&
		values_fit(tupdesc, row, len, compressed);
}

/*
 * Whether these bytes can be taken apart as a row of the table.
 */
bool
cs_mismatch_is_formed(const CsBinding *binding, HeapTupleHeader row, Size len)
{
	return len >= offsetof(HeapTupleHeaderData, t_bits) &&
		HeapTupleHeaderGetDatumLength(row) <= len &&
		HeapTupleHeaderGetTypeId(row) == binding->rowtype &&
		cs_mismatch_fits(binding->tupdesc, row, HeapTupleHeaderGetDatumLength(row), false);
}

static void
take_apart(const CsBinding *binding, HeapTupleHeader row, Datum **values, bool **nulls)
{
	HeapTupleData tuple = cs_row_tuple(row);

	*values = palloc(Max(binding->tupdesc->natts, 1) * sizeof(Datum));
	*nulls = palloc(Max(binding->tupdesc->natts, 1) * sizeof(bool));
	heap_deform_tuple(&tuple, binding->tupdesc, *values, *nulls);
}

/* The first column in which the rows differ, in their images; -1: none. */
static int
differing_column(const CsBinding *binding, HeapTupleHeader a, HeapTupleHeader b)
{
	Datum	   *avalues;
	Datum	   *bvalues;
	bool	   *anulls;
	bool	   *bnulls;

	take_apart(binding, a, &avalues, &anulls);
	take_apart(binding, b, &bvalues, &bnulls);
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);

		if (att->attisdropped)
			continue;
		if (anulls[i] != bnulls[i] ||
			(!anulls[i] && !datum_image_eq(avalues[i], bvalues[i], att->attbyval, att->attlen)))
			return i;
	}
	return -1;
}

/*
 * Whether the answer from the cache is another than what the table has.
 */
bool
cs_mismatch_find(const CsBinding *binding, const CsAnswer *answer, const CsLoaded *loaded,
				 CsMismatch *mismatch)
{
	mismatch->difference = CS_SAME;
	mismatch->column = -1;
	if (answer->row == NULL && loaded->row == NULL)
		return false;
	if (answer->row == NULL || loaded->row == NULL)
		mismatch->difference = CS_DIFFERS_EXISTENCE;
	else if (!cs_mismatch_is_formed(binding, answer->row, answer->bytes))
		mismatch->difference = CS_DIFFERS_FORM;
	else
	{
		mismatch->column = differing_column(binding, answer->row, loaded->row);
		if (mismatch->column >= 0)
			mismatch->difference = CS_DIFFERS_COLUMN;
	}
	return mismatch->difference != CS_SAME;
}

/* ----- logging ----- */

static void
append_hex(StringInfo buf, const void *data, Size len)
{
	const unsigned char *bytes = data;

	appendStringInfoString(buf, "\\x");
	for (Size i = 0; i < Min(len, MAX_BYTES); i++)
		appendStringInfo(buf, "%02x", bytes[i]);
	if (len > MAX_BYTES)
		appendStringInfoString(buf, "...");
}

/*
 * Append a value, or the beginning of a long one, in quotes.
 */
void
cs_mismatch_append_value(StringInfo buf, Oid type, Datum value, bool isnull)
{
	Oid			output;
	bool		varlena;
	char	   *string;
	int			len;

	if (isnull)
	{
		appendStringInfoString(buf, "null");
		return;
	}
	getTypeOutputInfo(type, &output, &varlena);
	string = OidOutputFunctionCall(output, value);
	len = pg_mbcliplen(string, strlen(string), MAX_VALUE);
	appendStringInfo(buf, "\"%.*s\"%s", len, string, string[len] != '\0' ? "..." : "");
}

typedef struct Report
{
	const CsAccess *access;
	const CsRowKey *rowkey;
	const CsAnswer *answer;
	const CsLoaded *loaded;
	const CsMismatch *mismatch;
	StringInfoData values;
} Report;

static void
append_key(StringInfo buf, const CsBinding *binding, const CsRowKey *rowkey)
{
	appendStringInfo(buf, "Key (%s) = (", cs_key_names(binding));
	for (int i = 0; i < binding->nkeys; i++)
	{
		appendStringInfoString(buf, i > 0 ? ", " : "");
		cs_mismatch_append_value(buf, binding->keys[i].type, rowkey->value[i], false);
	}
	appendStringInfoString(buf, ").");
}

static void
append_column(StringInfo buf, const char *where, const CsBinding *binding, HeapTupleHeader row,
			  int column)
{
	Datum	   *values;
	bool	   *nulls;

	take_apart(binding, row, &values, &nulls);
	appendStringInfo(buf, "%s ", where);
	cs_mismatch_append_value(buf, TupleDescAttr(binding->tupdesc, column)->atttypid, values[column],
							 nulls[column]);
}

/* The values, which output functions may refuse to show. */
static void
append_values(void *arg)
{
	Report	   *report = arg;
	const CsBinding *binding = report->access->binding;
	int			column = report->mismatch->column;

	append_key(&report->values, binding, report->rowkey);
	if (column < 0)
		return;
	appendStringInfo(&report->values, " Column \"%s\": ",
					 NameStr(TupleDescAttr(binding->tupdesc, column)->attname));
	append_column(&report->values, "cache", binding, report->answer->row, column);
	append_column(&report->values, ", table", binding, report->loaded->row, column);
	appendStringInfoChar(&report->values, '.');
}

static void
append_row(StringInfo buf, const char *where, HeapTupleHeader row)
{
	if (row == NULL)
		appendStringInfo(buf, " %s: no row.", where);
	else
		appendStringInfo(buf, " %s: row of %u bytes at (%u,%u).", where,
						 HeapTupleHeaderGetDatumLength(row),
						 ItemPointerGetBlockNumberNoCheck(&row->t_ctid),
						 ItemPointerGetOffsetNumberNoCheck(&row->t_ctid));
}

void
cs_mismatch_append_snapshot(StringInfo buf, Snapshot snapshot)
{
	appendStringInfo(buf, " Snapshot: %u:%u:", snapshot->xmin, snapshot->xmax);
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		appendStringInfo(buf, "%s%u", i > 0 ? "," : "", snapshot->xip[i]);
	appendStringInfoChar(buf, '.');
}

/* The words of the protocol as they are now. */
static void
append_words(StringInfo buf, const CsBinding *binding, uint64 hash)
{
	uint32		stripe = cs_stripe_of(hash);
	uint64		word = cs_stripe_read(stripe);
	uint64		slot = cs_slot_read(binding->slot);

	appendStringInfo(buf, " Stripe %u: version " UINT64_FORMAT ", writers " UINT64_FORMAT
					 ", prepared xid " UINT64_FORMAT ".",
					 stripe, cs_stripe_version(word), cs_stripe_writers(word),
					 cs_stripe_prepared_xid(stripe));
	appendStringInfo(buf, " Slot %d: epoch " UINT64_FORMAT ", writers %u, state %u, prepared xid "
					 UINT64_FORMAT ", young " UINT64_FORMAT ", boot xid " UINT64_FORMAT ".",
					 binding->slot, cs_slot_epoch(slot), (uint32) cs_slot_writers(slot),
					 (uint32) (slot & CS_SLOT_STATE), cs_slot_prepared_xid(binding->slot),
					 cs_slot_young(binding->slot), cs_snapshot_boot_xid());
}

/* What is known without looking into the values. */
static void
append_facts(StringInfo buf, const Report *report)
{
	const CsBinding *binding = report->access->binding;
	const CsAnswer *answer = report->answer;
	const CsLoaded *loaded = report->loaded;

	if (report->mismatch->difference == CS_DIFFERS_FORM)
	{
		appendStringInfoString(buf, " The cached bytes are no row of the table: ");
		append_hex(buf, answer->row, answer->bytes);
		appendStringInfoChar(buf, '.');
	}
	append_row(buf, "Cache", report->mismatch->difference == CS_DIFFERS_FORM ? NULL : answer->row);
	appendStringInfo(buf, " Entry: hash %016llx, %zu bytes, epoch " UINT64_FORMAT ", xid "
					 UINT64_FORMAT ", expires %s, strategy %s.",
					 (unsigned long long) report->rowkey->key.hash, answer->bytes,
					 binding->epoch, answer->wxid,
					 answer->expires != 0 ?
					 timestamptz_to_str(cs_clock_time_of_day(answer->expires)) : "never",
					 binding->options.strategy);
	append_row(buf, "Table", loaded->row);
	if (loaded->row != NULL && loaded->has_xmin)
		appendStringInfo(buf, " Its xmin: %u.", loaded->xmin);
	cs_mismatch_append_snapshot(buf, report->access->snapshot);
	append_words(buf, binding, report->rowkey->key.hash);
}

/*
 * Log a mismatch, of a row that was looked up and loaded under one snapshot.
 */
void
cs_mismatch_log(const CsAccess *access, const CsRowKey *rowkey, const CsAnswer *answer,
				const CsLoaded *loaded, const CsMismatch *mismatch)
{
	Report		report = {access, rowkey, answer, loaded, mismatch};
	StringInfoData facts;
	ErrorData  *error;

	initStringInfo(&report.values);
	initStringInfo(&facts);
	error = cs_attempt_run(append_values, &report);
	if (error != NULL)
		appendStringInfo(&report.values, " (cannot be shown: %s)", error->message);
	append_facts(&facts, &report);
	ereport(LOG_SERVER_ONLY,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a cached row of table \"%s\" (OID %u) is not the table's",
					access->binding->name, access->binding->relid),
			 errdetail_internal("%s%s", report.values.data, facts.data),
			 errhint("The entry is removed.  If the table was changed by ordinary commands, this is a fault of cache_strategies: keep this message.")));
}
