/*-------------------------------------------------------------------------
 *
 * staged.h
 *		Entries that nothing else backs: changed at once, or by a transaction
 *		that puts the new version beside the old one and decides at its end.
 *
 * The first eight bytes of such an entry's value are its version, which the
 * caller chooses, never 0 and never the same twice.  A tag is a number that
 * names a transaction under way, never 0.  While a transaction has staged a
 * change of a key, the entry that is valid so far carries the tag in wxid, and
 * the one that is to replace it (CS_ENTRY_PENDING) lies beside it with the same
 * key and the same tag in wxid.  Either may be missing: there was none, or
 * there is to be none, or it has been evicted.
 *
 * Two transactions never stage the same key at a time; that is the callers'
 * business.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STAGED_H
#define CS_STAGED_H

#include "store/store.h"

typedef enum CsStage
{
	CS_STAGE_DONE,
	CS_STAGE_CONFLICT,			/* another version, staged, or check() said no */
	CS_STAGE_TOO_LARGE,
	CS_STAGE_FULL
} CsStage;

/*
 * At once: put the value, or remove the entry (value NULL), if the entry's
 * version is 'expected' (0: there is none; CS_ANY_VERSION: any, or none), no
 * transaction has staged anything for the key, and check() agrees, which may be asked more than once.  An entry of
 * another epoch than meta's, or that has expired, is as good as none.  meta.wxid
 * is of no account; meta may be NULL when an entry with a version is removed.
 * Unless the result is CS_STAGE_DONE, the entry is not touched, or evicted at
 * most.
 */
extern CsStage cs_store_replace(const CsKey *key, const CsMeta *meta,
								const char *value, Size len, Size quota,
								uint64 expected, CsCheck check, void *arg);

/*
 * Put the value beside the present entry and tag both; value NULL: only tag
 * the present entry, if there is one (meta may be NULL then).  May be called
 * again with the same tag.  The quota counts as if the present entry were gone
 * already; a pending one does not go to make room for clean entries, whoever's.
 * Unless the result is CS_STAGE_DONE nothing is changed, except that others may
 * have been evicted.
 */
extern CsStage cs_store_stage(const CsKey *key, uint64 tag, const CsMeta *meta,
							  const char *value, Size len, Size quota);

/*
 * The end of what was staged with this tag, if anything is.  commit: the tagged
 * entry goes, and the pending one, if it is still there, becomes valid with
 * wxid 0.  Else the pending one goes, and the tag is taken off.  Neither
 * allocates nor fails: for COMMIT and ABORT callbacks.
 */
extern void cs_store_settle(const CsKey *key, uint64 tag, bool commit);

/*
 * Has the transaction committed, as far as readers go?  Called without a lock.
 * If it has been settled meanwhile, the answer is of no account: it is asked
 * again about what the key holds then.
 */
typedef bool (*CsIsCommitted) (uint64 tag, void *arg);

/*
 * What the key holds, for when cs_store_lookup() has met a tag: an accept()
 * that refuses meta.wxid != 0 tells, and CS_LOOKUP_REFUSED with CS_ENTRY_PENDING
 * when there is nothing but a pending entry.  Takes the partition lock, shared, at
 * least once.  accept() is shown the version that was chosen, with wxid 0;
 * found->meta.wxid is its tag if it is still pending.
 */
extern CsLookup cs_store_lookup_staged(const CsKey *key, CsIsCommitted committed,
									   void *committed_arg, CsAccept accept,
									   void *arg, CsFound *found);

/*
 * Keys of an owner's entries, pending ones included, one partition's part after
 * the other, without holding a lock in between: entries that come or go, or move
 * to another bucket, meanwhile may be seen or not, and twice.  key->data is
 * palloc'd.
 */
typedef struct CsKeyScan
{
	uint32		owner;
	int			part;
	uint32		bucket;
	uint32		until;			/* in this part */
	bool		single;			/* and there it ends; else the next part
								 * follows */
	struct CsKeyBatch *batch;	/* copied, not yet returned */
} CsKeyScan;

/* Only keys that begin with these bytes. */
extern void cs_store_keys_begin(CsKeyScan *scan, uint32 owner,
								const char *prefix, Size prefix_len);
extern bool cs_store_keys_next(CsKeyScan *scan, CsKey *key);

/*
 * The same of one place.  Places are numbered from 0 to cs_store_places() - 1; a
 * key is always in the place that it belongs to, and scans may be apart for as
 * long as the store is there.
 */
extern uint64 cs_store_places(void);
extern uint64 cs_store_place_of(const CsKey *key);
extern int	cs_store_place_size(void);	/* entries that a place has room for */
extern void cs_store_keys_begin_at(CsKeyScan *scan, uint32 owner, const char *prefix,
								   Size prefix_len, uint64 place);

#ifdef CS_TEST_POINTS
/*
 * Is the store as it is when nobody changes it: consistent, and with nothing
 * staged?  False: 'msg' says what is wrong.
 */
extern bool cs_store_is_settled(char *msg, Size msglen);

extern uint64 cs_store_scanned; /* buckets that this backend has looked at */
#endif

#endif							/* CS_STAGED_H */
