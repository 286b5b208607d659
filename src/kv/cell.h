/*-------------------------------------------------------------------------
 *
 * cell.h
 *		Cells: has the transaction that staged these keys committed?
 *
 * Each backend has a cell in shared memory.  Its word says how far the backend's
 * transaction is, so one write makes all of its keys change at once.  A tag, as
 * staged entries carry it, names a cell and one use of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CELL_H
#define CS_CELL_H

#include "store/store.h"

extern Size cs_cell_shmem_size(void);
extern void cs_cell_shmem_init(void);

/*
 * Of the own transaction: open before the first key is staged, give it the xid,
 * flip, and close when all is settled.  Returns the tag.  None of them fails.
 */
extern uint64 cs_cell_open(void);
extern void cs_cell_set_xid(uint64 xid);
extern void cs_cell_flip(void);
extern void cs_cell_close(void);

/* A number that no entry has as its version yet; never 0. */
extern uint64 cs_cell_version(void);

/* What is wanted of an entry, and what was found. */
typedef struct CsLook
{
	uint64		epoch;			/* entries of another are dead */
	bool		value;			/* copy it; else tell only whether it is alive */
	bool		alive;			/* out: neither dead nor expired nor missing */
	uint64		tag;			/* out: of the transaction that has staged it,
								 * as far as is known; 0: none */
} CsLook;

/*
 * What the key holds, apart from what this transaction has changed.
 * CS_LOOKUP_REFUSED: there is something, see look->alive.  'pass': go through the
 * partition lock, so that whoever has held it before is done.
 */
extern CsLookup cs_cell_lookup(const CsKey *key, CsLook *look, bool pass, CsFound *found);

/* The same without regard to what is staged: look->tag says if something is. */
extern CsLookup cs_cell_peek(const CsKey *key, CsLook *look, CsFound *found);

#ifdef CS_TEST_POINTS
/* Cells in use */
extern int	cs_cell_count(void);
#endif

#endif							/* CS_CELL_H */
