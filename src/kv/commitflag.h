/*-------------------------------------------------------------------------
 *
 * commitflag.h
 *		Commit flags: has the transaction that staged these keys committed?
 *
 * Each backend has a commit flag in shared memory.  Its word says how far the
 * backend's transaction is, so one write makes all of its keys change at once.
 * A tag, as staged entries carry it, names a commit flag and one use of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMMITFLAG_H
#define CS_COMMITFLAG_H

#include "store/store.h"

extern Size cs_commitflag_shmem_size(void);
extern void cs_commitflag_shmem_init(void);

/*
 * Of the own transaction: open before the first key is staged, give it the xid,
 * flip, and close when all is settled.  Returns the tag.  None of them fails.
 */
extern uint64 cs_commitflag_open(void);
extern void cs_commitflag_set_xid(uint64 xid);
extern void cs_commitflag_flip(void);
extern void cs_commitflag_close(void);

/* A number that no entry has as its version yet; never 0. */
extern uint64 cs_commitflag_version(void);

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
extern CsLookup cs_commitflag_lookup(const CsKey *key, CsLook *look, bool pass, CsFound *found);

/* The same without regard to what is staged: look->tag says if something is. */
extern CsLookup cs_commitflag_peek(const CsKey *key, CsLook *look, CsFound *found);

#ifdef CS_TEST_POINTS
/* Commit flags in use */
extern int	cs_commitflag_count(void);
#endif

#endif							/* CS_COMMITFLAG_H */
