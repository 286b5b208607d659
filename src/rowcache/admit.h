/*-------------------------------------------------------------------------
 *
 * admit.h
 *		Whether a row that was loaded after a miss is worth keeping.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ADMIT_H
#define CS_ADMIT_H

#include "relation/binding.h"

extern bool cs_admit_key(CsBinding *binding, const CsRowKey *rowkey);

#endif							/* CS_ADMIT_H */
