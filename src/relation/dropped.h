/*-------------------------------------------------------------------------
 *
 * dropped.h
 *		Tables that are dropped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DROPPED_H
#define CS_DROPPED_H

extern bool cs_dropped_note(Oid relid);

#endif							/* CS_DROPPED_H */
