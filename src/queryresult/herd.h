/*-------------------------------------------------------------------------
 *
 * herd.h
 *		Many sessions want a result that has fallen: which of them compute it,
 *		and which wait.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_HERD_H
#define CS_HERD_H

#include "port/atomics.h"
#include "utils/palloc.h"

/* One session's part. */
typedef struct CsHerd
{
	uint64		hash;			/* of the result's key */
	int64		cost;			/* of computing it, in nanoseconds; 0: not
								 * known */
	bool		leads;			/* others may wait for this session */
	int			flights;		/* waited for */
	int64		waited;			/* nanoseconds, for the last one */
} CsHerd;

typedef enum CsHerdTurn
{
	CS_HERD_COMPUTE,			/* and try to keep it */
	CS_HERD_RUN,				/* beside a session that tries to keep it */
	CS_HERD_LOOK				/* has waited: look for the result again */
} CsHerdTurn;

/* Whether the data are as they were when waiting began. */
typedef bool (*CsHerdStands) (void *arg);

extern Size cs_herd_shmem_size(void);
extern void cs_herd_shmem_init(void);

extern CsHerdTurn cs_herd_join(CsHerd *herd, uint64 flight, CsHerdStands stands, void *arg);
extern bool cs_herd_lead(CsHerd *herd, uint64 flight);
extern void cs_herd_land(CsHerd *herd, bool failed);
extern void cs_herd_watch(CsHerd *herd, MemoryContext context);

extern void cs_herd_found(CsHerd *herd);
extern void cs_herd_missed(CsHerd *herd);
extern void cs_herd_computed(const CsHerd *herd, int64 nanos);

extern void cs_herd_kept(uint64 hash);
extern void cs_herd_hit(uint64 hash, int64 cost);
extern bool cs_herd_used(uint64 hash);

#endif							/* CS_HERD_H */
