/*-------------------------------------------------------------------------
 *
 * builtin.c
 *		Which of PostgreSQL's own STABLE functions a remembered query may use.
 *
 * STABLE says that a function gives the same answer within a statement, but
 * not what the answer depends on.  The functions listed here depend on their
 * arguments, on settings that are part of a result's key (settings.c), on
 * types that are part of it as well (analysis_types.c), on the time (which is
 * then that of the computation), or on nothing.  All others are refused,
 * including those of later PostgreSQL versions: they may read catalogues,
 * statistics, privileges, snapshots, session state, files or tables.
 *
 * Functions are looked up by name.  Overloads of these names are equivalent,
 * except for age(xid), and therefore age is missing (its other forms are SQL
 * functions or IMMUTABLE).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "queryresult/builtin.h"

/* In the order of strcmp(). */
static const char *const harmless[] = {
	"anyarray_out", "anycompatiblearray_out", "anycompatiblemultirange_out",
	"anycompatiblerange_out", "anyenum_out", "anymultirange_out", "anyrange_out",
	"anytextcat", "array_in", "array_out", "array_to_json", "array_to_string",
	"cash_in", "cash_out", "concat", "concat_ws", "convert", "convert_from",
	"convert_to", "current_user", "date", "date_add", "date_cmp_timestamptz",
	"date_eq_timestamptz", "date_ge_timestamptz", "date_gt_timestamptz", "date_in",
	"date_le_timestamptz", "date_lt_timestamptz", "date_ne_timestamptz", "date_out",
	"date_part", "date_subtract", "date_trunc", "domain_in", "enum_first", "enum_in",
	"enum_last", "enum_out", "enum_range", "extract", "format", "generate_series",
	"in_range", "interval_in", "interval_out", "interval_pl_timestamptz",
	"json_agg_strict_transfn", "json_agg_transfn", "json_build_array",
	"json_build_object", "json_object_agg_strict_transfn", "json_object_agg_transfn",
	"json_object_agg_unique_strict_transfn", "json_object_agg_unique_transfn",
	"json_populate_record", "json_populate_recordset", "json_to_record",
	"json_to_recordset", "json_to_tsvector", "jsonb_agg_finalfn",
	"jsonb_agg_strict_transfn", "jsonb_agg_transfn", "jsonb_build_array",
	"jsonb_build_object", "jsonb_object_agg_finalfn",
	"jsonb_object_agg_strict_transfn", "jsonb_object_agg_transfn",
	"jsonb_object_agg_unique_strict_transfn", "jsonb_object_agg_unique_transfn",
	"jsonb_path_exists_tz", "jsonb_path_match_tz", "jsonb_path_query_array_tz",
	"jsonb_path_query_first_tz", "jsonb_path_query_tz", "jsonb_populate_record",
	"jsonb_populate_record_valid", "jsonb_populate_recordset", "jsonb_to_record",
	"jsonb_to_recordset", "jsonb_to_tsvector", "length", "make_timestamptz", "money",
	"multirange_in", "multirange_out", "now", "numeric", "overlaps",
	"phraseto_tsquery", "plainto_tsquery", "quote_literal", "quote_nullable",
	"range_in", "range_out", "record_in", "record_out", "row_to_json",
	"statement_timestamp", "textanycat", "time", "time_in", "timestamp",
	"timestamp_cmp_timestamptz", "timestamp_eq_timestamptz",
	"timestamp_ge_timestamptz", "timestamp_gt_timestamptz", "timestamp_in",
	"timestamp_le_timestamptz", "timestamp_lt_timestamptz",
	"timestamp_ne_timestamptz", "timestamp_out", "timestamptz",
	"timestamptz_cmp_date", "timestamptz_cmp_timestamp", "timestamptz_eq_date",
	"timestamptz_eq_timestamp", "timestamptz_ge_date", "timestamptz_ge_timestamp",
	"timestamptz_gt_date", "timestamptz_gt_timestamp", "timestamptz_in",
	"timestamptz_le_date", "timestamptz_le_timestamp", "timestamptz_lt_date",
	"timestamptz_lt_timestamp", "timestamptz_mi_interval", "timestamptz_ne_date",
	"timestamptz_ne_timestamp", "timestamptz_out", "timestamptz_pl_interval",
	"timetz", "timetz_in", "timezone", "to_char", "to_date", "to_json", "to_jsonb",
	"to_number", "to_timestamp", "to_tsquery", "to_tsvector",
	"transaction_timestamp", "ts_headline", "ts_match_tq", "ts_match_tt",
	"websearch_to_tsquery", "xml", "xml_in", "xml_is_well_formed"
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp((const char *) a, *(const char *const *) b);
}

/*
 * Whether a STABLE function of pg_catalog is in the list.
 */
bool
cs_builtin_is_harmless(const char *name)
{
	return bsearch(name, harmless, lengthof(harmless), sizeof(char *),
				   compare_names) != NULL;
}
