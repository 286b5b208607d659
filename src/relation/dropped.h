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
extern void cs_dropped_note_schema(void);

#endif							/* CS_DROPPED_H */
