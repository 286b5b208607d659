/*-------------------------------------------------------------------------
 *
 * slot.h
 *		Slots: what all backends must agree on about one cached table.
 *
 * A slot's word holds three things that must be read together:
 *
 *		state	ACTIVE: the table's triggers are known to see every change
 *				UNKNOWN: they have to be looked at again before anyone fills
 *		flux	whole-table changes between their mark and their end
 *		epoch	whole-table changes ever marked; entries of another epoch are
 *				dead
 *
 * and beside it px, as in a stripe.  The word is never reset, not even when
 * the slot goes to another table, so an epoch names a table and a time.
 *
 * Word and px are atomic.  Which table a slot belongs to is protected by the
 * slots lock; a backend that knows a slot number from before finds out by the
 * epoch that the slot has changed hands.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SLOT_H
#define CS_SLOT_H

typedef enum CsSlotState
{
	CS_SLOT_UNKNOWN = 0,
	CS_SLOT_ACTIVE = 1
} CsSlotState;

#define CS_SLOT_FLUX_SHIFT	2
#define CS_SLOT_FLUX_BITS	18
#define CS_SLOT_EPOCH_SHIFT	(CS_SLOT_FLUX_SHIFT + CS_SLOT_FLUX_BITS)

#define cs_slot_state(word)	((CsSlotState) ((word) & 3))
#define cs_slot_flux(word) \
	(((word) >> CS_SLOT_FLUX_SHIFT) & ((1 << CS_SLOT_FLUX_BITS) - 1))
#define cs_slot_epoch(word)	((word) >> CS_SLOT_EPOCH_SHIFT)

extern Size cs_slot_shmem_size(void);
extern void cs_slot_shmem_request(void);
extern void cs_slot_shmem_init(void);

/* The table's slot, or -1: there is none, and none is free */
extern int	cs_slot_get(Oid database, Oid relation, bool create);

/* Moves whenever a table gets or loses its slot */
extern uint64 cs_slot_generation(void);

/* Give it back.  Does not throw. */
extern void cs_slot_release(int slot, Oid database, Oid relation);
extern void cs_slot_drop_database(Oid database);

/* The database is gone, and so is whatever was dirty. */
extern void cs_slot_purge_database(Oid database);

/* Called under the slots lock when a slot goes to another table. */
extern void (*cs_slot_taken_hook) (int slot);

/*
 * The slots of a database, or of all (InvalidOid), into an array of
 * cache_strategies.max_tables
 */
extern int	cs_slot_list(Oid database, int *slots);
extern Oid	cs_slot_relation(int slot, Oid *database);

/*
 * cs_slot_read() is a full barrier, for whoever is about to take a snapshot;
 * cs_slot_peek() is none, for hits.
 */
extern uint64 cs_slot_read(int slot);
extern uint64 cs_slot_peek(int slot);
extern uint64 cs_slot_px(int slot);
extern void cs_slot_mark(int slot, bool unknown);
extern void cs_slot_unmark(int slot);
extern void cs_slot_prepared(int slot, uint64 xid);

/* epoch + 1, no flux: drop every entry now */
extern void cs_slot_bump(int slot);

/* UNKNOWN to ACTIVE, if the word is still the one that was looked at */
extern bool cs_slot_activate(int slot, uint64 word);

#endif							/* CS_SLOT_H */
