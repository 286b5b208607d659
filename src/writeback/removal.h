/*-------------------------------------------------------------------------
 *
 * removal.h
 *		What readers under their own snapshot have to know of records that have
 *		been removed from deferred entries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_REMOVAL_H
#define CS_REMOVAL_H

extern Size cs_removal_shmem_size(void);
extern void cs_removal_shmem_init(void);

extern void cs_removal_note(int slot, uint64 xid);
extern void cs_removal_note_all(int slot);
extern uint64 cs_removal_count(int slot);
extern uint64 cs_removal_xid(int slot);
extern uint64 cs_removal_last_xid(void);

#endif							/* CS_REMOVAL_H */
