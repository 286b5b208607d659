/*-------------------------------------------------------------------------
 *
 * history.h
 *		Samples of what the store holds and of the counts over all databases,
 *		one every cache_strategies.history_interval.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_HISTORY_H
#define CS_HISTORY_H

#include "store/counters.h"
#include "store/store.h"

/* Samples that are kept: four hours at the default interval of 10 s. */
#define CS_HISTORY_SAMPLES	1440

typedef struct CsHistorySample
{
	TimestampTz time;
	TimestampTz since;			/* when the counts were reset; 0: never */
	CsUsage		usage;			/* of the whole store */
	uint64		dead;			/* bytes */
	uint64		counts[CS_N_COUNTS];
} CsHistorySample;

extern Size cs_history_shmem_size(void);
extern void cs_history_shmem_init(void);
extern TimestampTz cs_history_began(void);
extern void cs_history_now(CsHistorySample *sample);
extern void cs_history_take(void);
extern uint64 cs_history_taken(void);
extern bool cs_history_read(uint64 number, CsHistorySample *sample);
extern void cs_history_subtract(CsHistorySample *sample, const CsHistorySample *before);
extern uint64 cs_history_hits(const CsHistorySample *sample);
extern uint64 cs_history_reads(const CsHistorySample *sample);

#endif							/* CS_HISTORY_H */
