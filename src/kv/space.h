/*-------------------------------------------------------------------------
 *
 * space.h
 *		Spaces: who may use which keys, how much memory they get, and how long
 *		they live unless told otherwise.
 *
 * A space is a row of cache.spaces, with its grants in cache.space_grants, or
 * the private one that each role has without any row.  It owns its entries in
 * the store by a slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SPACE_H
#define CS_SPACE_H

#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "store/slot.h"

typedef enum CsSpaceRight
{
	CS_SPACE_READ,
	CS_SPACE_WRITE
} CsSpaceRight;

typedef struct CsSpace
{
	char		name[NAMEDATALEN];	/* empty: the role's own */
	Oid			id;				/* of the row; of the role */
	Oid			owner;
	bool		own;			/* a role's private one */
	int			slot;			/* its number as an owner in the store; -1: it
								 * has none, and so no entries */
	CsSlotDenial denial;		/* if it was to have one */
	uint64		epoch;			/* of the slot: entries of another are dead */
	int64		ttl;			/* microseconds; 0: keys live until removed */
	int64		max_memory;		/* bytes; 0: no limit of its own */
} CsSpace;

extern void cs_space_init(void);

/*
 * The space of this name, or the current role's own (NULL), if the current role
 * has the right; else an error: 42704 when there is no such space, 42501; 53400
 * when it is to be written and there is no slot for it.  The result is good until
 * the next call or the end of the transaction.
 */
extern const CsSpace *cs_space_get(const text *name, CsSpaceRight right);

/* The same as a question. */
extern bool cs_space_may(const text *name, CsSpaceRight right);

/*
 * The space as cache.spaces has it, whatever the current role may do with it, or
 * NULL.  Its slot is not looked up.
 */
extern const CsSpace *cs_space_find(const text *name);

/*
 * The spaces that the current role may read, and its own; or all that there are.
 * CsSpace *, palloc'd, with their slots.
 */
extern List *cs_space_list(bool all);

/* The table cache.spaces; InvalidOid if there is none. */
extern Oid	cs_space_catalog(void);

/*
 * Nobody else can change a key of the space, nor get a slot for it, until this
 * transaction has ended.  For who is about to delete its row.
 */
extern void cs_space_lock_exclusive(Oid id);

/* ----- for the trigger of cache.spaces ----- */

/* Rows have been changed; all sessions are to know. */
extern void cs_space_changed(void);

/* Its slot, if it gets one, goes unless this transaction commits. */
extern void cs_space_created(Oid id);

/* Its slot goes when this transaction commits.  InvalidOid: of every space. */
extern void cs_space_dropped(Oid id);

/* ----- for the files of this folder ----- */

/* The lock on a key's hash, or on the space (0). */
extern void cs_space_lock_tag(LOCKTAG *tag, Oid database, bool own, Oid id, uint32 hash);

/* AccessExclusiveLock on the space, until the subtransaction ends. */
extern void cs_space_lock_whole(Oid database, bool own, Oid id);

extern void cs_space_drop_init(void);

/* Errors: it has no slot; it has lost it. */
extern void cs_space_check_slot(const CsSpace *space);
cs_noreturn extern void cs_space_dropped_error(const CsSpace *space);

#endif							/* CS_SPACE_H */
