/*-------------------------------------------------------------------------
 *
 * mergestart.h
 *		Snapshots that show what has left deferred entries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGESTART_H
#define CS_MERGESTART_H

#include "nodes/execnodes.h"
#include "relation/binding.h"

extern CsBinding *cs_mergestart_binding(Oid relid);
extern void cs_mergestart_init(void);
extern bool cs_mergestart_removals(const EState *estate, int slot, uint64 *removals);

#endif							/* CS_MERGESTART_H */
