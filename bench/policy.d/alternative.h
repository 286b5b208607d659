/*-------------------------------------------------------------------------
 *
 * alternative.h
 *		What another policy has from the product's: may_evict, guarded owners and
 *		dead space.  The rest of policy.c is out of the way under other names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BENCH_ALTERNATIVE_H
#define BENCH_ALTERNATIVE_H

#include "postgres.h"

#include "store/partition.h"

extern CsLogId product_admit(const CsPlace *place, Size size);
extern CsTail product_tail(int part, CsLogId logid, const CsRecord *rec,
						   Size want, const CsClaim *claim, uint8 *freq);
extern void product_evicted(const CsPlace *place, CsLogId logid);

#define cs_policy_admit		product_admit
#define cs_policy_tail		product_tail
#define cs_policy_evicted	product_evicted
#include "../../src/store/policy.c"
#undef cs_policy_admit
#undef cs_policy_tail
#undef cs_policy_evicted

#endif							/* BENCH_ALTERNATIVE_H */
