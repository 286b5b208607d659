/*-------------------------------------------------------------------------
 *
 * mergescan.h
 *		The executor's node for scans of tables with deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGESCAN_H
#define CS_MERGESCAN_H

#include "mergescan/mergeview.h"
#include "nodes/execnodes.h"
#include "nodes/extensible.h"

extern const CustomScanMethods cs_mergescan_methods;
extern bool cs_mergescan_gives_merged(const CustomScan *scan);
extern CsMergeView *cs_mergescan_view(const EState *estate, Index rti);

#endif							/* CS_MERGESCAN_H */
