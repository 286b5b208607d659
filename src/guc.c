/*-------------------------------------------------------------------------
 *
 * guc.c
 *		Configuration parameters.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>

#include "utils/guc.h"
#include "utils/plancache.h"

#include "guc.h"

int			cs_memory_mb = 128;
int			cs_partitions = 0;
int			cs_typical_entry = 64;
int			cs_stripes = 65536;
int			cs_max_tables = 8192;
int			cs_max_tables_per_role = -1;
int			cs_refresh_queue = 1024;
bool		cs_enabled = true;
bool		cs_plain_reads = false;
bool		cs_merge_deferred = true;
int			cs_bulk_threshold = 10000;
int			cs_load_timeout = 5000;
int			cs_worker_timeout = 10000;
int			cs_log_min_duration = -1;
bool		cs_trace = false;
void		(*cs_trace_changed) (void) = NULL;
int			cs_trace_log_sample = 1000;
int			cs_trace_log_size = 1000;
int			cs_audit_rate = 0;
int			cs_audit_results = 0;
int			cs_saved_keys = 0;
int			cs_save_interval = 300;
int			cs_reload_rate = 1000;
int			cs_history_interval = 10;
int			cs_results = CS_RESULTS_OFF;
double		cs_results_min_cost = 100;
int			cs_max_result_kb = 1024;
bool		cs_results_adapt = true;
#ifdef CS_TEST_POINTS
char	   *cs_test_points = NULL;
int			cs_test_delay = 0;
int			cs_test_run = -1;
int			cs_test_hit = -1;
int			cs_test_wait = -1;
#endif

static bool
check_power_of_two(int *newval, void **extra, GucSource source)
{
	if ((*newval & (*newval - 1)) == 0)
		return true;
	GUC_check_errdetail("The value must be a power of two.");
	return false;
}

/*
 * Have plans made anew that were made with another value.
 */
static void
assign_results(int newval, void *extra)
{
	if (newval != cs_results)
		ResetPlanCache();
}

static void
assign_plain_reads(bool newval, void *extra)
{
	if (newval != cs_plain_reads)
		ResetPlanCache();
}

static void
assign_trace(bool newval, void *extra)
{
	if (cs_trace_changed != NULL)
		cs_trace_changed();
}

static void
assign_trace_log_sample(int newval, void *extra)
{
	if (cs_trace_changed != NULL)
		cs_trace_changed();
}

/*
 * Parameters of what is logged.
 */
static void
define_logging(void)
{
	DefineCustomIntVariable("cache_strategies.log_min_duration",
							"Loads and flushes that take at least so long are logged.",
							"-1 logs none, 0 all.",
							&cs_log_min_duration, -1, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomBoolVariable("cache_strategies.trace",
							 "Reports each operation of the session as a notice.",
							 NULL, &cs_trace, false,
							 PGC_USERSET, 0, NULL, assign_trace, NULL);
	DefineCustomIntVariable("cache_strategies.trace_log_sample",
							"One operation in so many is noted in cache.trace_log.",
							"0 notes none, 1 all.",
							&cs_trace_log_sample, 1000, 0, INT_MAX,
							PGC_SUSET, 0, NULL, assign_trace_log_sample, NULL);
	DefineCustomIntVariable("cache_strategies.trace_log_size",
							"Number of operations that cache.trace_log can show.",
							NULL, &cs_trace_log_size, 1000, 0, 1000000,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

static void
assign_merge_deferred(bool newval, void *extra)
{
	if (newval != cs_merge_deferred)
		ResetPlanCache();
}

/*
 * Parameters of what plain SQL gets from the cache.
 */
static void
define_plain_sql(void)
{
	static const struct config_enum_entry modes[] = {
		{"off", CS_RESULTS_OFF, false},
		{"declared", CS_RESULTS_DECLARED, false},
		{"auto", CS_RESULTS_AUTO, false},
		{NULL, 0, false}
	};

	DefineCustomEnumVariable("cache_strategies.results",
							 "Which plain SELECTs have their results kept.",
							 "\"declared\": those with a comment that says so; "
							 "\"auto\": also all others that can be and cost enough.",
							 &cs_results, CS_RESULTS_OFF, modes,
							 PGC_USERSET, 0, NULL, assign_results, NULL);
	DefineCustomRealVariable("cache_strategies.results_min_cost",
							 "Estimated cost from which on the result of a SELECT that is not declared is kept.",
							 NULL, &cs_results_min_cost, 100, 0, DBL_MAX,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.max_result",
							"Largest result of a plain SELECT that is kept.",
							NULL, &cs_max_result_kb, 1024, 1, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomBoolVariable("cache_strategies.plain_reads",
							 "Plain SELECTs by key of attached tables may be answered from the cache.",
							 "For tables for which cache.attach() does not say whether they are.",
							 &cs_plain_reads, false,
							 PGC_USERSET, 0, NULL, assign_plain_reads, NULL);
	DefineCustomBoolVariable("cache_strategies.merge_deferred",
							 "Plain SQL sees the deferred writes of attached tables.",
							 "If off, it sees what has been flushed.",
							 &cs_merge_deferred, true,
							 PGC_USERSET, 0, NULL, assign_merge_deferred, NULL);
	DefineCustomIntVariable("cache_strategies.audit_results",
							"One kept result in so many that answer is compared with what its statement returns.",
							"0 compares none, 1 all.",
							&cs_audit_results, 0, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("cache_strategies.results_adapt",
							 "Leaves statements alone whose kept results do not pay.",
							 "Also lets sessions wait for a result that another session computes, "
							 "if that has paid.",
							 &cs_results_adapt, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
}

/*
 * Parameters that determine the size of shared memory.
 */
static void
define_sizes(void)
{
	DefineCustomIntVariable("cache_strategies.memory",
							"Shared memory for cached values and their index.",
							NULL, &cs_memory_mb, 128, 1, INT_MAX / 2,
							PGC_POSTMASTER, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.partitions",
							"Number of independently locked parts of the store.",
							"A power of two; 0 chooses one from cache_strategies.memory.",
							&cs_partitions, 0, 0, 1024,
							PGC_POSTMASTER, 0, check_power_of_two, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.entry_size",
							"Expected size of a cached key and its value.",
							"The memory is divided between index and values for entries of this size.",
							&cs_typical_entry, 64, 8, 1024 * 1024,
							PGC_POSTMASTER, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.stripes",
							"Number of words that tell fillers about changes under way.",
							"A power of two; 16 bytes each.",
							&cs_stripes, 65536, 1, 1 << 24,
							PGC_POSTMASTER, 0, check_power_of_two, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.max_tables",
							"Number of tables and spaces, over all databases, that can be cached at the same time.",
							NULL, &cs_max_tables, 8192, 1, CS_MAX_OWNERS - 1,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.refresh_queue",
							"Number of refresh-ahead requests that can wait for the worker.",
							"0 turns refresh-ahead and its worker off.",
							&cs_refresh_queue, 1024, 0, 1 << 20,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

/*
 * Parameters of what background workers do of themselves.
 */
static void
define_workers(void)
{
	DefineCustomIntVariable("cache_strategies.audit_rate",
							"How many cached rows of a database are compared with their tables in a second.",
							"0 turns the auditor off.",
							&cs_audit_rate, 0, 0, 1000000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.saved_keys",
							"How many keys of cached rows are saved, so that their rows are loaded after a restart.",
							"0: none are saved, and none are loaded.",
							&cs_saved_keys, 0, 0, INT_MAX / 2,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.save_interval",
							"Time between two times that the keys of cached rows are saved.",
							"They are also saved when the server is shut down.",
							&cs_save_interval, 300, 1, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.reload_rate",
							"How many rows of saved keys are loaded in a second after a restart.",
							NULL, &cs_reload_rate, 1000, 1, 1000000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.history_interval",
							"Time between two samples of the counters, which cache.history shows.",
							"0: none are taken.",
							&cs_history_interval, 10, 0, INT_MAX / 1000,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
}

/*
 * Define all parameters, while libraries are preloaded.
 */
void
cs_guc_define(void)
{
	define_sizes();
	define_plain_sql();
	define_logging();
	DefineCustomIntVariable("cache_strategies.max_tables_per_role",
							"How many of cache_strategies.max_tables one role's tables and spaces can have.",
							"-1 is half of them.  Superusers can have all.",
							&cs_max_tables_per_role, -1, -1, CS_MAX_OWNERS - 1,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("cache_strategies.enabled",
							 "Reads may be answered from the cache.",
							 "When off, reads of attached tables go to the table; "
							 "changes go on being tracked, so it can be turned on at any time.",
							 &cs_enabled, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.bulk_threshold",
							"Changed keys of one table in one transaction above which "
							"the table's whole cache is dropped instead.",
							NULL, &cs_bulk_threshold, 10000, 1, INT_MAX,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.load_timeout",
							"How long a read waits for another session that is loading the same key.",
							"After that it loads the key itself.",
							&cs_load_timeout, 5000, 0, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.worker_timeout",
							"How long a background worker works on one table before it goes on with the others.",
							"A flush that takes longer is tried again by a process of its own, with ten times as much.",
							&cs_worker_timeout, 10000, 100, INT_MAX / 20,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	define_workers();
#ifdef CS_TEST_POINTS
	DefineCustomStringVariable("cache_strategies.test_points",
							   "Places at which this session stops for an advisory lock.",
							   NULL, &cs_test_points, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.test_delay",
							"Longest random delay at places where a test can stop a session.",
							NULL, &cs_test_delay, 0, 0, 1000000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.test_run",
							"What computing a plain SELECT is said to take, in microseconds.",
							NULL, &cs_test_run, -1, -1, INT_MAX,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.test_hit",
							"What a hit, or keeping a result, is said to take, in microseconds.",
							NULL, &cs_test_hit, -1, -1, INT_MAX,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cache_strategies.test_wait",
							"What waiting for another session's result is said to take, in microseconds.",
							NULL, &cs_test_wait, -1, -1, INT_MAX,
							PGC_USERSET, 0, NULL, NULL, NULL);
#endif
	MarkGUCPrefixReserved("cache_strategies");
}

/*
 * Give a setting a value that is known to be valid, until the GUC nest level
 * ends.  PostgreSQL may say of a valid value that it is not when there is no
 * memory to look at it; that must not be taken for an error in what is done
 * with the setting.
 */
void
cs_guc_set_constant(const char *name, const char *value)
{
	if (set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
						  true, DEBUG1, false) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not set parameter \"%s\" to \"%s\"", name, value)));
}
