/*-------------------------------------------------------------------------
 *
 * mergestart.h
 *		Snapshots that show what has left deferred entries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGESTART_H
#define CS_MERGESTART_H

#include "executor/spi.h"
#include "relation/binding.h"
#include "utils/snapshot.h"

extern CsBinding *cs_mergestart_binding(Oid relid);
extern void cs_mergestart_found_old(void);
extern void cs_mergestart_init(void);
extern Portal cs_mergestart_open(const CsBinding *binding, SPIPlanPtr plan);
extern bool cs_mergestart_removals(Snapshot snapshot, int slot, uint64 *removals);

#endif							/* CS_MERGESTART_H */
