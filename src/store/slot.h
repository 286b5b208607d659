/*-------------------------------------------------------------------------
 *
 * slot.h
 *		Slots: what all backends must agree on about one owner of entries: a
 *		table, or a space of keys and values.
 *
 * A slot's word holds three things that must be read together:
 *
 *		state	ACTIVE: the table's triggers are known to see every change of a
 *				row that was there
 *				TRACKED: they are known to see every change
 *				Neither: they have to be looked at again before anyone fills
 *		writers	whole-table changes between their mark and their end
 *		epoch	whole-table changes ever marked; entries of another epoch are
 *				dead
 *
 * and beside it prepared_xid, as in a stripe, and young: while it is not 0,
 * there may be writers up to this xid who have looked for the table's slot
 * before it had this one, and will not mark it.  The word is never reset, not
 * even when the slot goes to another owner, so an epoch names an owner and a
 * time.
 *
 * A table's slot has a second word, the modification counter, like a stripe's:
 * every transaction that changes the table marks it, however little it
 * changes, and entries do not care.  Its prepared_xid is its own, and last_xid
 * is the newest xid that has changed the table.  It lies in a cache line of
 * its own, since hits read the other one.
 *
 * All of these are atomic.  Whom a slot belongs to is protected by the slots
 * lock; a backend that knows a slot number from before finds out by the epoch
 * that the slot has changed hands.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SLOT_H
#define CS_SLOT_H

/* Whose the slot is; with an OID of that kind */
typedef enum CsSlotKind
{
	CS_SLOT_TABLE,
	CS_SLOT_SPACE,				/* of the row in cache.spaces */
	CS_SLOT_ROLE				/* a role's private space */
} CsSlotKind;

/* The state's flags.  DDL clears both. */
#define CS_SLOT_ACTIVE		0x01
#define CS_SLOT_TRACKED		0x02
#define CS_SLOT_STATE		(CS_SLOT_ACTIVE | CS_SLOT_TRACKED)

#define CS_SLOT_WRITERS_SHIFT	2
#define CS_SLOT_WRITERS_BITS	18
#define CS_SLOT_EPOCH_SHIFT	(CS_SLOT_WRITERS_SHIFT + CS_SLOT_WRITERS_BITS)

#define cs_slot_is(word, flag)	(((word) & (flag)) != 0)
#define cs_slot_writers(word) \
	(((word) >> CS_SLOT_WRITERS_SHIFT) & ((1 << CS_SLOT_WRITERS_BITS) - 1))
#define cs_slot_epoch(word)	((word) >> CS_SLOT_EPOCH_SHIFT)

/* Have there been no changes of the whole table in between, nor DDL? */
#define cs_slot_same(word, other) \
	((((word) ^ (other)) & ~(uint64) CS_SLOT_TRACKED) == 0)

extern Size cs_slot_shmem_size(void);
extern void cs_slot_shmem_request(void);
extern void cs_slot_shmem_init(void);

/* The object's slot; -1: it has none */
extern int	cs_slot_find(Oid database, CsSlotKind kind, Oid object);

/* Why an object cannot have one */
typedef enum CsSlotDenial
{
	CS_SLOT_GRANTED,
	CS_SLOT_ALL_USED,			/* all of cache_strategies.max_tables */
	CS_SLOT_SHARE_USED			/* the role has as many as it may have */
} CsSlotDenial;

/*
 * The same, but if it has none it gets one, which counts for this role; -1: that
 * cannot be.  'limited': the role has no more than its share.  A space's is guarded
 * (cs_store_guard()).  Writes to the server's log when slots are short.
 */
extern int	cs_slot_make(Oid database, CsSlotKind kind, Oid object, Oid role,
						 bool limited, CsSlotDenial *denial);

/* Would an object of this role be denied one now? */
extern CsSlotDenial cs_slot_denies(Oid role, bool limited);
extern const char *cs_slot_denial_text(CsSlotDenial denial);
extern const char *cs_slot_denial_detail(CsSlotDenial denial);

/* How many are in use, of cache_strategies.max_tables */
extern int	cs_slot_used(void);

/* Moves whenever an object gets or loses its slot */
extern uint64 cs_slot_generation(void);

/* Give it back.  Does not throw. */
extern void cs_slot_release(int slot, Oid database, CsSlotKind kind, Oid object);

/* The same for the tables of a database. */
extern void cs_slot_drop_database(Oid database);

/* The database is gone, and so is whatever was dirty. */
extern void cs_slot_purge_database(Oid database);

/* Called under the slots lock when a slot goes to another object. */
extern void (*cs_slot_taken_hook) (int slot);

/*
 * The slots of the tables of a database, or of all (InvalidOid), into an array
 * of cache_strategies.max_tables
 */
extern int	cs_slot_list(Oid database, int *slots);

/* Whose it is; InvalidOid: nobody's, or in the first case no table's */
extern Oid	cs_slot_relation(int slot, Oid *database);
extern Oid	cs_slot_name(int slot, Oid *database, CsSlotKind *kind);

/*
 * cs_slot_read() is a full barrier, for whoever is about to take a snapshot;
 * cs_slot_peek() is none, for hits.
 */
extern uint64 cs_slot_read(int slot);
extern uint64 cs_slot_peek(int slot);
extern uint64 cs_slot_prepared_xid(int slot);
extern void cs_slot_mark(int slot, bool unknown);
extern void cs_slot_unmark(int slot);
extern void cs_slot_prepared(int slot, uint64 xid);

/* 0: it is not young; cs_slot_prepared_xid() is at least that */
extern uint64 cs_slot_young(int slot);

/*
 * There are no such writers, as was found out since the slot was in this epoch.
 * Moves the epoch, for those who have a token from before.
 */
extern void cs_slot_settle(int slot, uint64 epoch);

/* Changes of any kind: writers and version, as cs_stripe_... takes them apart */
extern uint64 cs_slot_modcount(int slot);
extern uint64 cs_slot_modcount_prepared_xid(int slot);
extern uint64 cs_slot_last_xid(int slot);
extern void cs_slot_mark_modcount(int slot);
extern void cs_slot_unmark_modcount(int slot);
extern void cs_slot_prepared_modcount(int slot, uint64 xid);

/* To this xid; or to the newest, as there may have been changes without a mark */
extern void cs_slot_raise_last_xid(int slot, uint64 xid);
extern void cs_slot_distrust_last_xid(int slot);

/* epoch + 1, no writers: drop every entry now */
extern void cs_slot_bump(int slot);

/* Set a flag of the state, if nothing was marked since the word was looked at */
extern bool cs_slot_activate(int slot, uint64 word, int flag);

#endif							/* CS_SLOT_H */
