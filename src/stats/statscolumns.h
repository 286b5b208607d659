/*-------------------------------------------------------------------------
 *
 * statscolumns.h
 *		The columns that cache.stats and cache.table_stats have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STATSCOLUMNS_H
#define CS_STATSCOLUMNS_H

#define CS_N_STATS_COLUMNS	16

extern void cs_statscolumns_put(const uint64 *counts, Datum *values);

#endif							/* CS_STATSCOLUMNS_H */
