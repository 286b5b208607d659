/*-------------------------------------------------------------------------
 *
 * attach.c
 *		SQL function cache.attach().
 *
 * eligible.c determines which tables can be attached.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "attach/detach.h"
#include "attach/eligible.h"
#include "attach/parts.h"
#include "compat.h"
#include "guc.h"
#include "relation/attached.h"
#include "relation/catalog.h"
#include "relation/loader.h"
#include "relation/owned.h"
#include "relation/span.h"
#include "relation/tracked.h"
#include "relation/triggers.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "writeback/commitepoch.h"
#include "writeback/delta.h"
#include "writeback/flush.h"
#include "writeback/journal.h"
#include "writeback/journalread.h"
#include "writeback/merge.h"
#include "writeback/state.h"
#include "writeback/write_back.h"
#include "writeback/xactdelta.h"

PG_FUNCTION_INFO_V1(cs_attach);

/* Positions of the arguments. */
enum
{
	ARG_RELATION,
	ARG_STRATEGY,
	ARG_TTL,
	ARG_TTL_JITTER,
	ARG_NEGATIVE_TTL,
	ARG_MAX_MEMORY,
	ARG_LOADER,
	ARG_REFRESH_AHEAD,
	ARG_DURABLE,
	ARG_FLUSH_INTERVAL,
	ARG_FLUSH_BATCH,
	ARG_MERGE,
	ARG_PLAIN_READS,
	N_ARGS
};

/* ----- options ----- */

/*
 * Throw 22023: invalid value of an option.
 */
static void
bad_option(const char *option, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for option \"%s\"", option),
			 errdetail("%s", detail)));
}

static void
check_interval(FunctionCallInfo fcinfo, int arg, const char *option)
{
	if (PG_ARGISNULL(arg))
		return;
	switch (cs_span_range(PG_GETARG_INTERVAL_P(arg)))
	{
		case CS_SPAN_FITS:
			break;
		case CS_SPAN_NOT_POSITIVE:
			bad_option(option, "It must be longer than zero.");
			break;
		case CS_SPAN_TOO_LONG:
			bad_option(option, "It must not be longer than 100 years.");
	}
}

static void
check_share(FunctionCallInfo fcinfo, int arg, const char *option)
{
	if (PG_ARGISNULL(arg))
		return;
	if (!(PG_GETARG_FLOAT4(arg) > 0 && PG_GETARG_FLOAT4(arg) <= 1))
		bad_option(option, "It is a share of the ttl: more than 0 and at most 1.");
	if (PG_ARGISNULL(ARG_TTL))
		bad_option(option, "It needs a ttl.");
}

static int64
check_max_memory(FunctionCallInfo fcinfo)
{
	int64		bytes;

	if (PG_ARGISNULL(ARG_MAX_MEMORY))
		return 0;
	bytes = DatumGetInt64(DirectFunctionCall1(pg_size_bytes,
											  PG_GETARG_DATUM(ARG_MAX_MEMORY)));
	if (bytes <= 0)
		bad_option("max_memory", "It must be more than zero.");
	return bytes;
}

/*
 * Check the loader function, which replaces the table's SELECT and runs as the
 * table's owner.
 */
static void
check_loader(const CsBinding *binding, Oid function)
{
	const char *reason;

	if (!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(function)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", function)));
	reason = cs_loader_check(binding, function);
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot be the loader of this table",
						format_procedure(function)),
				 errdetail("%s", reason)));
}

/* Check the options that require keys known by their bytes. */
static void
check_key_options(const CsBinding *binding)
{
	static const char *const detail = "It needs key columns whose equality is equality of their bytes.";

	if (binding->options.negative_ttl > 0 && binding->hashed)
		bad_option("negative_ttl", detail);
	if (binding->options.refresh_ahead <= 0)
		return;
	if (binding->hashed)
		bad_option("refresh_ahead", detail);
	if (cs_refresh_queue == 0)
		bad_option("refresh_ahead", "It needs cache_strategies.refresh_queue to be more than zero.");
}

/*
 * Convert the options that are time spans, which can be given in several
 * types.
 */
static void
take_spans(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int			arg;
		const char *name;
	}			spans[] = {
		{ARG_TTL, "ttl"}, {ARG_NEGATIVE_TTL, "negative_ttl"},
		{ARG_FLUSH_INTERVAL, "flush_interval"}
	};

	for (int i = 0; i < lengthof(spans); i++)
	{
		int			arg = spans[i].arg;

		if (!PG_ARGISNULL(arg))
			fcinfo->args[arg].value =
				IntervalPGetDatum(cs_span_arg(fcinfo, arg, spans[i].name));
	}
}

/*
 * Report options that were set before and are not given again, so that they
 * return to their defaults.
 */
static void
note_dropped(FunctionCallInfo fcinfo, Oid relid, bool defers)
{
	static const struct
	{
		int			arg;
		CsAttachedColumn column;
		const char *name;
		bool		flush;
		const char *normal;		/* what it is if it is not given; NULL: null */
	}			options[] = {
		{ARG_TTL, CS_ATTACHED_TTL, "ttl"},
		{ARG_TTL_JITTER, CS_ATTACHED_TTL_JITTER, "ttl_jitter"},
		{ARG_NEGATIVE_TTL, CS_ATTACHED_NEGATIVE_TTL, "negative_ttl"},
		{ARG_MAX_MEMORY, CS_ATTACHED_MAX_MEMORY, "max_memory"},
		{ARG_LOADER, CS_ATTACHED_LOADER, "loader"},
		{ARG_REFRESH_AHEAD, CS_ATTACHED_REFRESH_AHEAD, "refresh_ahead"},
		{ARG_DURABLE, CS_ATTACHED_DURABLE, "durable", true, "t"},
		{ARG_FLUSH_INTERVAL, CS_ATTACHED_FLUSH_INTERVAL, "flush_interval", true},
		{ARG_FLUSH_BATCH, CS_ATTACHED_FLUSH_BATCH, "flush_batch", true},
		{ARG_MERGE, CS_ATTACHED_MERGE, "merge", true},
		{ARG_PLAIN_READS, CS_ATTACHED_PLAIN_READS, "plain_reads"}
	};
	char	   *texts[CS_ATTACHED_COLUMNS];
	StringInfoData dropped;

	if (!cs_attached_texts(relid, texts))
		return;
	initStringInfo(&dropped);
	for (int i = 0; i < lengthof(options); i++)
	{
		char	   *was = texts[options[i].column - 1];

		if (was != NULL && options[i].normal != NULL && strcmp(was, options[i].normal) == 0)
			continue;
		if (was != NULL && PG_ARGISNULL(options[i].arg) && (defers || !options[i].flush))
			appendStringInfo(&dropped, "%s%s => %s", dropped.len > 0 ? ", " : "",
							 options[i].name, quote_literal_cstr(was));
	}
	if (dropped.len > 0)
		ereport(NOTICE,
				(errmsg("options of table \"%s\" that are not given again are dropped",
						get_rel_name(relid)),
				 errdetail("Dropped: %s.", dropped.data)));
}

/* ----- options of write_back ----- */

static void
refuse_deferring(Relation rel, const char *reason, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot defer writes of table \"%s\"", RelationGetRelationName(rel)),
			 errdetail("%s", reason),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/*
 * Plain SELECTs show the table, so what is cached must be the table's rows.
 */
static void
check_plain_reads(FunctionCallInfo fcinfo, bool defers)
{
	if (PG_ARGISNULL(ARG_PLAIN_READS) || !PG_GETARG_BOOL(ARG_PLAIN_READS))
		return;
	if (defers)
		bad_option("plain_reads", "Plain SELECTs of a write_back table read the table.");
	if (!PG_ARGISNULL(ARG_LOADER))
		bad_option("plain_reads", "What a loader function returns is not what a plain SELECT reads.");
}

/* Check the options that only write_back has. */
static void
check_flush_options(FunctionCallInfo fcinfo, bool defers)
{
	static const struct
	{
		int			arg;
		const char *name;
	}			options[] = {
		{ARG_DURABLE, "durable"}, {ARG_FLUSH_INTERVAL, "flush_interval"},
		{ARG_FLUSH_BATCH, "flush_batch"}, {ARG_MERGE, "merge"}
	};

	for (int i = 0; i < lengthof(options) && !defers; i++)
		if (!PG_ARGISNULL(options[i].arg))
			bad_option(options[i].name, "It is for the strategy write_back.");
	check_interval(fcinfo, ARG_FLUSH_INTERVAL, "flush_interval");
	if (!PG_ARGISNULL(ARG_FLUSH_BATCH) && PG_GETARG_INT32(ARG_FLUSH_BATCH) <= 0)
		bad_option("flush_batch", "It must be more than zero.");
	if (defers && !PG_ARGISNULL(ARG_LOADER))
		bad_option("loader", "What is deferred belongs to the table's own rows.");
}

/*
 * Refuse tables whose writes cannot be deferred.
 */
static void
check_deferring(FunctionCallInfo fcinfo, Relation rel)
{
	bool		durable = PG_ARGISNULL(ARG_DURABLE) || PG_GETARG_BOOL(ARG_DURABLE);

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		refuse_deferring(rel, "It is partitioned.", NULL);
	if (rel->rd_rel->relhasrules)
		refuse_deferring(rel, "It has rules, which may write elsewhere.", NULL);
	if (durable && rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		refuse_deferring(rel, "It is unlogged, so it is empty after a crash.",
						 "Use durable => false.");
	cs_merge_check(rel, PG_ARGISNULL(ARG_MERGE) ? NULL : PG_GETARG_JSONB_P(ARG_MERGE));
}

/* Check the key columns, under the lock and with the new options. */
static void
check_deferring_key(const CsBinding *binding)
{
	if (!binding->hashed)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot defer writes of table \"%s\"", binding->name),
			 errdetail("A column of its primary key is of a type in which equal values can have different bytes.")));
}

/* ----- cache.bindings ----- */

/*
 * Write the table's row of cache.binding_store.
 */
static void
save_options(FunctionCallInfo fcinfo, Oid relid, int64 max_memory, bool defers)
{
	CsCatalogQuery s = {
		.text =
		"INSERT INTO cache.binding_store VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) "
		"ON CONFLICT (relation) DO UPDATE SET strategy = EXCLUDED.strategy, "
		"ttl = EXCLUDED.ttl, ttl_jitter = EXCLUDED.ttl_jitter, "
		"negative_ttl = EXCLUDED.negative_ttl, max_memory = EXCLUDED.max_memory, "
		"loader = EXCLUDED.loader, refresh_ahead = EXCLUDED.refresh_ahead, "
		"durable = EXCLUDED.durable, flush_interval = EXCLUDED.flush_interval, "
		"flush_batch = EXCLUDED.flush_batch, merge = EXCLUDED.merge, "
		"settings = EXCLUDED.settings, plain_reads = EXCLUDED.plain_reads"
	};
	char	   *loader = NULL;

	if (!PG_ARGISNULL(ARG_LOADER))
		loader = format_procedure_qualified(PG_GETARG_OID(ARG_LOADER));
	cs_catalog_arg(&s, REGCLASSOID, ObjectIdGetDatum(relid), false);
	cs_catalog_arg(&s, TEXTOID, PG_GETARG_DATUM(ARG_STRATEGY), false);
	cs_catalog_arg(&s, INTERVALOID, PG_GETARG_DATUM(ARG_TTL), PG_ARGISNULL(ARG_TTL));
	cs_catalog_arg(&s, FLOAT4OID, PG_GETARG_DATUM(ARG_TTL_JITTER), PG_ARGISNULL(ARG_TTL_JITTER));
	cs_catalog_arg(&s, INTERVALOID, PG_GETARG_DATUM(ARG_NEGATIVE_TTL), PG_ARGISNULL(ARG_NEGATIVE_TTL));
	cs_catalog_arg(&s, INT8OID, Int64GetDatum(max_memory), max_memory == 0);
	cs_catalog_arg(&s, TEXTOID, loader != NULL ? CStringGetTextDatum(loader) : (Datum) 0, loader == NULL);
	cs_catalog_arg(&s, FLOAT4OID, PG_GETARG_DATUM(ARG_REFRESH_AHEAD), PG_ARGISNULL(ARG_REFRESH_AHEAD));
	cs_catalog_arg(&s, BOOLOID, PG_ARGISNULL(ARG_DURABLE) ? BoolGetDatum(true) : PG_GETARG_DATUM(ARG_DURABLE),
				   !defers);
	cs_catalog_arg(&s, INTERVALOID, PG_GETARG_DATUM(ARG_FLUSH_INTERVAL), PG_ARGISNULL(ARG_FLUSH_INTERVAL));
	cs_catalog_arg(&s, INT4OID, PG_GETARG_DATUM(ARG_FLUSH_BATCH), PG_ARGISNULL(ARG_FLUSH_BATCH));
	cs_catalog_arg(&s, JSONBOID, PG_GETARG_DATUM(ARG_MERGE), PG_ARGISNULL(ARG_MERGE));
	cs_catalog_arg(&s, TEXTARRAYOID, PointerGetDatum(cs_pinned_now()), !defers && loader == NULL);
	cs_catalog_arg(&s, BOOLOID, PG_GETARG_DATUM(ARG_PLAIN_READS), PG_ARGISNULL(ARG_PLAIN_READS));
	cs_catalog_change("binding_store", &s);
}

/*
 * Set where the table's journal begins; for other strategies, remove all state
 * of the journal.
 */
static void
save_flush_state(Oid relid, bool defers)
{
	cs_journal_forget(relid);
	if (!defers)
		return;
	cs_commitepoch_raise(cs_journalread_last());
	cs_journal_set_flushed(relid, cs_commitepoch_boundary());
}

/* ----- attach ----- */

static bool
is_deferring(FunctionCallInfo fcinfo)
{
	return strcmp(text_to_cstring(PG_GETARG_TEXT_PP(ARG_STRATEGY)), cs_write_back.name) == 0;
}

/*
 * Check the arguments that do not depend on the table.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	char	   *strategy;

	if (PG_ARGISNULL(ARG_RELATION) || PG_ARGISNULL(ARG_STRATEGY))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation and strategy must not be NULL")));
	strategy = text_to_cstring(PG_GETARG_TEXT_PP(ARG_STRATEGY));
	if (cs_strategy_find(strategy) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown strategy \"%s\"", strategy),
				 errhint("Strategies are %s.", cs_strategy_names())));
	check_interval(fcinfo, ARG_TTL, "ttl");
	check_share(fcinfo, ARG_TTL_JITTER, "ttl_jitter");
	check_interval(fcinfo, ARG_NEGATIVE_TTL, "negative_ttl");
	check_share(fcinfo, ARG_REFRESH_AHEAD, "refresh_ahead");
	check_flush_options(fcinfo, is_deferring(fcinfo));
	check_plain_reads(fcinfo, is_deferring(fcinfo));
}

/*
 * Warn that the table has no slot.  If its writes would be deferred, binding.c
 * warns each session.
 */
static void
warn_without_slot(const CsBinding *binding)
{
	if (binding->slot >= 0 || cs_binding_defers(binding))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("table \"%s\" is attached, but read from the table", binding->name),
			 errdetail_internal("%s", cs_slot_denial_detail(binding->denial)),
			 errhint("Raise cache_strategies.max_tables or max_tables_per_role, or detach tables.")));
}

/*
 * Attach the table.
 *
 * The lock is the one of CREATE TRIGGER.  It waits for every transaction that
 * has changed the table without our triggers, including prepared ones.  It
 * also makes the end of this transaction mark the table as changed.
 */
static void
attach(FunctionCallInfo fcinfo)
{
	Oid			relid;
	Relation	rel;
	CsBinding  *binding;
	int64		max_memory;
	bool		defers;
	bool		deferred;

	check_arguments(fcinfo);
	max_memory = check_max_memory(fcinfo);
	defers = is_deferring(fcinfo);
	relid = PG_GETARG_OID(ARG_RELATION);

	/* check first, so that a role cannot lock a table that it does not own */
	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		cs_owned_missing_error(relid);
	cs_eligible_check(rel, true);
	relation_close(rel, NoLock);
	cs_flush_require_idle(relid);
	LockRelationOid(relid, ShareRowExclusiveLock);
	rel = table_open(relid, NoLock);
	cs_eligible_check(rel, true);
	if (defers)
		check_deferring(fcinfo, rel);
	table_close(rel, NoLock);

	SPI_connect();
	binding = cs_binding_get(relid);
	deferred = binding != NULL && cs_binding_defers(binding);
	cs_detach_flush(relid);
	cs_parts_take_over(relid, relid, InvalidOid);
	note_dropped(fcinfo, relid, defers);
	save_options(fcinfo, relid, max_memory, defers);
	save_flush_state(relid, defers);
	CommandCounterIncrement();
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
	binding = cs_strategy_require(relid);
	if (!PG_ARGISNULL(ARG_LOADER))
		check_loader(binding, PG_GETARG_OID(ARG_LOADER));
	check_key_options(binding);
	if (defers)
		check_deferring_key(binding);
	warn_without_slot(binding);
	if (binding->slot >= 0 && !deferred)
		cs_state_reset(binding->slot);
	if (binding->slot >= 0 && defers)
		cs_state_note_table(binding->slot, MyDatabaseId);
	cs_triggers_drop(relid, cs_binding_qualified_name(binding));
	cs_triggers_create(binding);
	cs_tracked_renew_triggers(relid, binding);
	SPI_finish();
}

/*
 * cache.attach().  Arguments are converted in a copy of fcinfo, because a
 * constant argument is stored there once, not for each row.
 */
Datum
cs_attach(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(mine, N_ARGS);

	cs_shmem_require();
	PreventCommandDuringRecovery("cache.attach()");
	PreventCommandIfReadOnly("cache.attach()");
	memcpy(mine, fcinfo, SizeForFunctionCallInfo(N_ARGS));
	take_spans(mine);
	attach(mine);
	PG_RETURN_VOID();
}
