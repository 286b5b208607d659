/*-------------------------------------------------------------------------
 *
 * track_table.h
 *		Tracking one table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRACK_TABLE_H
#define CS_TRACK_TABLE_H

extern void cs_track_table(Oid relid, const bool *by_value, bool by_schema);

#endif							/* CS_TRACK_TABLE_H */
