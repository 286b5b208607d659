/*-------------------------------------------------------------------------
 *
 * scan.h
 *		A custom scan for cache.read() in FROM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SCAN_H
#define CS_SCAN_H

#include "nodes/extensible.h"

extern void cs_scan_init(void);

/* Also of plain SELECTs by key, which are scans of a table. */
extern const CustomScanMethods cs_scan_methods;

#endif							/* CS_SCAN_H */
