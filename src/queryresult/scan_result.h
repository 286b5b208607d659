/*-------------------------------------------------------------------------
 *
 * scan_result.h
 *		The plan node CachedResult: execution.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SCAN_RESULT_H
#define CS_SCAN_RESULT_H

#include "nodes/extensible.h"

extern const CustomScanMethods cs_scan_result_methods;

#endif							/* CS_SCAN_RESULT_H */
