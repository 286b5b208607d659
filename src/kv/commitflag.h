/*-------------------------------------------------------------------------
 *
 * commitflag.h
 *		Commit flags: whether the transaction that staged a key has committed.
 *
 * Each backend has a commit flag in shared memory.  Its word says how far the
 * backend's transaction has come, so one write makes all of its keys change at
 * once.  The tag of a staged entry names a commit flag and one use of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMMITFLAG_H
#define CS_COMMITFLAG_H

#include "store/store.h"

extern Size cs_commitflag_shmem_size(void);
extern void cs_commitflag_shmem_init(void);

extern uint64 cs_commitflag_open(void);
extern void cs_commitflag_set_xid(uint64 xid);
extern void cs_commitflag_flip(void);
extern void cs_commitflag_close(void);
extern uint64 cs_commitflag_version(void);

/* What a caller wants to know of an entry, and what was found. */
typedef struct CsLook
{
	uint64		epoch;			/* entries of other epochs are dead */
	bool		value;			/* copy the value; otherwise determine only
								 * whether it is alive */
	bool		alive;			/* out: exists, is not dead and has not
								 * expired */
	bool		expired;		/* out: exists, but has expired */
	uint64		tag;			/* out: tag of the transaction that has staged
								 * it, as far as known; 0 if none */
} CsLook;

extern CsLookup cs_commitflag_lookup(const CsKey *key, CsLook *look, bool pass, CsFound *found);
extern CsLookup cs_commitflag_peek(const CsKey *key, CsLook *look, CsFound *found);

#ifdef CS_TEST_POINTS
extern int	cs_commitflag_count(void);
#endif

#endif							/* CS_COMMITFLAG_H */
