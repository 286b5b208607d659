/*-------------------------------------------------------------------------
 *
 * histograms.h
 *		Names of what histograms are of, and percentiles.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_HISTOGRAMS_H
#define CS_HISTOGRAMS_H

#include "store/latency.h"

extern char *cs_histograms_name(CsLatency what);
extern double cs_histograms_percentile(const uint64 *count, uint64 n, double part);

#endif							/* CS_HISTOGRAMS_H */
