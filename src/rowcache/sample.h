/*-------------------------------------------------------------------------
 *
 * sample.h
 *		Reporting reads of rows to the store's miniatures.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SAMPLE_H
#define CS_SAMPLE_H

#include "rowcache/access.h"

extern bool cs_sample_lookup(CsAccess *access, const CsRowKey *rowkey, CsAnswer *answer);

#endif							/* CS_SAMPLE_H */
