/*-------------------------------------------------------------------------
 *
 * guc.h
 *		Configuration parameters. See guc.c for their meaning.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_GUC_H
#define CS_GUC_H

/* Owners are numbered from 0; an entry stores the number in 20 bits. */
#define CS_OWNER_BITS	20
#define CS_MAX_OWNERS	(1 << CS_OWNER_BITS)

typedef enum CsResults
{
	CS_RESULTS_OFF,
	CS_RESULTS_DECLARED,
	CS_RESULTS_AUTO
} CsResults;

extern int	cs_memory_mb;		/* cache_strategies.memory, MB */
extern int	cs_partitions;		/* 0 if chosen from memory */
extern int	cs_typical_entry;	/* bytes of key and value */
extern int	cs_stripes;			/* a power of two */
extern int	cs_max_tables;
extern int	cs_max_tables_per_role; /* -1 for half of max_tables */
extern int	cs_refresh_queue;
extern bool cs_enabled;
extern bool cs_plain_reads;
extern bool cs_merge_deferred;
extern int	cs_bulk_threshold;
extern int	cs_load_timeout;	/* milliseconds */
extern int	cs_worker_timeout;	/* milliseconds */
extern bool cs_trace;
extern void (*cs_trace_changed) (void); /* it is set, or the next one */
extern int	cs_trace_log_sample;	/* one in so many; 0: none */
extern int	cs_trace_log_size;	/* entries */
extern int	cs_log_min_duration;	/* milliseconds; -1: nothing is logged */
extern int	cs_audit_rate;		/* entries per second; 0: off */
extern int	cs_audit_results;	/* one hit in so many; 0: none */
extern int	cs_saved_keys;		/* at most; 0: off */
extern int	cs_save_interval;	/* seconds */
extern int	cs_reload_rate;		/* rows per second */
extern int	cs_history_interval;	/* seconds; 0: off */
extern int	cs_results;			/* CsResults */
extern double cs_results_min_cost;
extern int	cs_max_result_kb;
extern bool cs_results_adapt;
#ifdef CS_TEST_POINTS
extern char *cs_test_points;
extern int	cs_test_delay;		/* microseconds */
extern int	cs_test_run;		/* microseconds; -1: as measured */
extern int	cs_test_hit;
extern int	cs_test_wait;
#endif

extern void cs_guc_define(void);
extern void cs_guc_set_constant(const char *name, const char *value);

#endif							/* CS_GUC_H */
