/*-------------------------------------------------------------------------
 *
 * slot.h
 *		Slots: the state that all backends share about one owner of entries,
 *		which is a table or a space of keys and values.
 *
 * A slot's word holds three fields that must be read together:
 *
 *		state	ACTIVE: the table's triggers are known to report every change
 *				of an existing row
 *				TRACKED: the triggers are known to report every change
 *				KEYED: the triggers are known to see the values of every row
 *				that is changed
 *				None: the triggers must be examined before the next fill
 *		writers	whole-table changes between their mark and their end
 *		epoch	number of whole-table changes ever marked; entries of an
 *				earlier
 *				epoch are dead
 *
 * The word is never reset, not even when the slot goes to another owner, so an
 * epoch identifies an owner and a time.
 *
 * Beside the word a slot has prepared_xid, as a stripe does, and young.  While
 * young is not 0, there may be writers with xids up to it that looked for the
 * table's slot before it existed, and that therefore will not mark it.
 *
 * A table's slot has a second word, the modification counter, laid out like a
 * stripe's word.  Every transaction that changes the table marks it, however
 * little it changes.  Entries do not depend on it.  It has a prepared_xid of
 * its own, and last_xid, the newest xid that has changed the table.  These lie
 * in a separate cache line, because hits read the first one.
 *
 * Locking: the words and xids are atomic.  The assignment of a slot to an
 * object is protected by the slots lock.  A backend that remembers a slot
 * number finds out by the epoch that the slot has been reassigned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SLOT_H
#define CS_SLOT_H

/* Kind of object that a slot belongs to; the object is an OID of that kind */
typedef enum CsSlotKind
{
	CS_SLOT_TABLE,
	CS_SLOT_SPACE,				/* of the row in cache.spaces */
	CS_SLOT_ROLE				/* a role's private space */
} CsSlotKind;

/* Flags of the state.  DDL clears all. */
#define CS_SLOT_ACTIVE		0x01
#define CS_SLOT_TRACKED		0x02
#define CS_SLOT_KEYED		0x04
#define CS_SLOT_STATE		(CS_SLOT_ACTIVE | CS_SLOT_TRACKED | CS_SLOT_KEYED)

#define CS_SLOT_WRITERS_SHIFT	3
#define CS_SLOT_WRITERS_BITS	18
#define CS_SLOT_EPOCH_SHIFT	(CS_SLOT_WRITERS_SHIFT + CS_SLOT_WRITERS_BITS)

#define cs_slot_is(word, flag)	(((word) & (flag)) != 0)
#define cs_slot_writers(word) \
	(((word) >> CS_SLOT_WRITERS_SHIFT) & ((1 << CS_SLOT_WRITERS_BITS) - 1))
#define cs_slot_epoch(word)	((word) >> CS_SLOT_EPOCH_SHIFT)

/* True if no whole-table change and no DDL came between the two readings */
#define cs_slot_same(word, other) \
	((((word) ^ (other)) & ~(uint64) (CS_SLOT_TRACKED | CS_SLOT_KEYED)) == 0)

extern Size cs_slot_shmem_size(void);
extern void cs_slot_shmem_request(void);
extern void cs_slot_shmem_init(void);
extern int	cs_slot_find(Oid database, CsSlotKind kind, Oid object);

/* Reason why an object is denied a slot */
typedef enum CsSlotDenial
{
	CS_SLOT_GRANTED,
	CS_SLOT_ALL_USED,			/* all of cache_strategies.max_tables */
	CS_SLOT_SHARE_USED			/* the role has used up its share */
} CsSlotDenial;

extern int	cs_slot_make(Oid database, CsSlotKind kind, Oid object, Oid role,
						 bool limited, CsSlotDenial *denial);

extern CsSlotDenial cs_slot_denies(Oid role, bool limited);
extern const char *cs_slot_denial_text(CsSlotDenial denial);
extern const char *cs_slot_denial_detail(CsSlotDenial denial);
extern int	cs_slot_used(void);
extern uint64 cs_slot_generation(void);
extern void cs_slot_release(int slot, Oid database, CsSlotKind kind, Oid object);
extern void cs_slot_drop_database(Oid database);
extern void cs_slot_purge_database(Oid database);

/* Called under the slots lock when a slot is assigned to an object. */
extern void (*cs_slot_taken_hook) (int slot);
extern int	cs_slot_list(Oid database, int *slots);

extern Oid	cs_slot_relation(int slot, Oid *database);
extern Oid	cs_slot_name(int slot, Oid *database, CsSlotKind *kind);

extern uint64 cs_slot_read(int slot);
extern uint64 cs_slot_peek(int slot);
extern uint64 cs_slot_prepared_xid(int slot);
extern void cs_slot_mark(int slot, bool unknown);
extern void cs_slot_unmark(int slot);
extern void cs_slot_prepared(int slot, uint64 xid);
extern uint64 cs_slot_young(int slot);
extern void cs_slot_settle(int slot, uint64 epoch);

/*
 * The modification counter; cs_stripe_writers() and cs_stripe_version() apply
 */
extern uint64 cs_slot_modcount(int slot);
extern uint64 cs_slot_modcount_prepared_xid(int slot);
extern uint64 cs_slot_last_xid(int slot);
extern void cs_slot_mark_modcount(int slot);
extern void cs_slot_unmark_modcount(int slot);
extern void cs_slot_prepared_modcount(int slot, uint64 xid);

extern void cs_slot_raise_last_xid(int slot, uint64 xid);
extern void cs_slot_distrust_last_xid(int slot);
extern void cs_slot_distrust_values(int slot);
extern void cs_slot_bump(int slot);
extern bool cs_slot_activate(int slot, uint64 word, int flags);
extern bool cs_slot_lock(int slot, Oid database, CsSlotKind kind, Oid object);
extern void cs_slot_unlock(void);

#endif							/* CS_SLOT_H */
