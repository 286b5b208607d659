/*-------------------------------------------------------------------------
 *
 * spacedrop.h
 *		Releasing the slots of spaces that are dropped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SPACEDROP_H
#define CS_SPACEDROP_H

extern void cs_spacedrop_init(void);

/* for the trigger of cache.spaces */
extern void cs_spacedrop_created(Oid id);
extern void cs_spacedrop_dropped(Oid id);

#endif							/* CS_SPACEDROP_H */
