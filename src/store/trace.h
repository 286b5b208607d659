/*-------------------------------------------------------------------------
 *
 * trace.h
 *		A log of operations: as notices to a session that wants them, and in
 *		shared memory those of all sessions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRACE_H
#define CS_TRACE_H

#include "datatype/timestamp.h"

#include "guc.h"
#include "store/latency.h"

/* Longer texts are cut off. */
#define CS_TRACE_WORD		32
#define CS_TRACE_NAME		64
#define CS_TRACE_TEXT		96

/* An operation. */
typedef struct CsTraced
{
	const char *strategy;		/* or "space", or "result" */
	const char *object;			/* table, space, or statement */
	const char *key;			/* NULL: none */
	const char *operation;
	const char *outcome;
	const char *reason;			/* NULL: none is needed */
	int64		nanos;			/* -1: not timed */
	bool		hidden;			/* from the session */
} CsTraced;

/* An operation in shared memory. */
typedef struct CsTraceEntry
{
	uint64		number;			/* from 1 on */
	TimestampTz time;
	int			pid;
	Oid			database;
	Oid			role;
	int64		nanos;
	char		strategy[CS_TRACE_WORD];
	char		object[CS_TRACE_NAME];
	char		key[CS_TRACE_TEXT];
	char		operation[CS_TRACE_WORD];
	char		outcome[CS_TRACE_WORD];
	char		reason[CS_TRACE_TEXT];
} CsTraceEntry;

extern Size cs_trace_shmem_size(void);
extern void cs_trace_shmem_init(void);
extern void cs_trace_init(void);
extern bool cs_trace_choose(int every);
extern void cs_trace_emit(const CsTraced *traced);
extern bool cs_trace_read(int n, CsTraceEntry *entry);

/*
 * Whether to trace an operation; 'every' is how many there are of its kind for
 * each that asks.
 */
static inline bool
cs_trace_wants(int every)
{
	return unlikely(cs_trace || cs_trace_log_sample > 0) && cs_trace_choose(every);
}

#endif							/* CS_TRACE_H */
