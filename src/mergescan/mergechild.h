/*-------------------------------------------------------------------------
 *
 * mergechild.h
 *		Plans of scans whose rows are merged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGECHILD_H
#define CS_MERGECHILD_H

#include "nodes/plannodes.h"

extern Plan *cs_mergechild_copy(const Plan *plan);
extern List *cs_mergechild_divide(Plan *plan, const Bitmapset *columns);

#endif							/* CS_MERGECHILD_H */
