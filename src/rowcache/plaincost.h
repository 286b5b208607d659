/*-------------------------------------------------------------------------
 *
 * plaincost.h
 *		What a plain SELECT by key costs that is answered from the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAINCOST_H
#define CS_PLAINCOST_H

#include "rowcache/plainmatch.h"

extern double cs_plaincost_ratio(const CsPlainTable *table);

#endif							/* CS_PLAINCOST_H */
