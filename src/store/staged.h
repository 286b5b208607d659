/*-------------------------------------------------------------------------
 *
 * staged.h
 *		Entries that have no other copy: changed at once, or by a transaction
 *		that puts the new version beside the old one and decides at its end.
 *
 * The first eight bytes of such an entry's value are its version.  The caller
 * chooses it; it is never 0, and no version is used twice.  A tag is a number,
 * never 0, that identifies a transaction in progress.  While a transaction has
 * staged a change of a key, the entry that is valid so far has the tag in
 * wxid, and the entry that is to replace it (CS_ENTRY_PENDING) is beside it
 * with the same key and the same tag in wxid.  Either may be missing: there
 * was no entry, there is to be none, or it has been evicted.
 *
 * Two transactions never stage the same key at the same time; the callers
 * ensure that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STAGED_H
#define CS_STAGED_H

#include "store/store.h"

typedef enum CsStage
{
	CS_STAGE_DONE,
	CS_STAGE_CONFLICT,			/* other version, staged, or check() failed */
	CS_STAGE_TOO_LARGE,
	CS_STAGE_FULL
} CsStage;

extern CsStage cs_store_replace(const CsKey *key, const CsMeta *meta,
								const char *value, Size len, Size quota,
								uint64 expected, CsCheck check, void *arg);

extern CsStage cs_store_stage(const CsKey *key, uint64 tag, const CsMeta *meta,
							  const char *value, Size len, Size quota);

extern void cs_store_settle(const CsKey *key, uint64 tag, bool commit);

/*
 * Whether the transaction has committed, from the point of view of a reader.
 * Called without a lock.  If the transaction has been settled meanwhile the
 * answer is ignored, because the caller looks at the key again.
 */
typedef bool (*CsIsCommitted) (uint64 tag, void *arg);

/*
 * Look up a key when cs_store_lookup() has found a tag.  That is the case if
 * accept() refused an entry with meta.wxid != 0, or the result was
 * CS_LOOKUP_REFUSED with CS_ENTRY_PENDING because there is only a pending
 * entry.
 *
 * Takes the partition lock, shared, at least once.  accept() is called for the
 * chosen version, with wxid 0; found->meta.wxid is its tag if it is still
 * pending.
 */
extern CsLookup cs_store_lookup_staged(const CsKey *key, CsIsCommitted committed,
									   void *committed_arg, CsAccept accept,
									   void *arg, CsFound *found);

/*
 * Scan of the keys of an owner's entries, including pending ones, one section
 * of a partition after the other.  No lock is held in between: an entry that
 * is added, removed or moved to another bucket meanwhile may be missed or
 * returned twice.  key->data is palloc'd.
 */
typedef struct CsKeyScan
{
	uint32		owner;
	int			part;
	uint32		bucket;
	uint32		until;			/* end of this section */
	bool		single;			/* the scan ends there; otherwise the next
								 * section follows */
	struct CsKeyBatch *batch;	/* copied but not yet returned */
} CsKeyScan;

/* Instead of an owner: the keys of all */
#define CS_ALL_OWNERS	PG_UINT32_MAX

/* Steps of how much an entry is read; the last is the hottest. */
#define CS_HEATS	8

/* A key with what its entry says of itself. */
typedef struct CsKeyEntry
{
	CsKey		key;
	uint64		epoch;
	uint8		flags;			/* CS_ENTRY_... */
	uint8		heat;			/* 0 to CS_HEATS - 1 */
} CsKeyEntry;

/* Begin a scan of the keys with this prefix. */
extern void cs_store_keys_begin(CsKeyScan *scan, uint32 owner,
								const char *prefix, Size prefix_len);
extern bool cs_store_keys_next(CsKeyScan *scan, CsKey *key);
extern bool cs_store_keys_next_entry(CsKeyScan *scan, CsKeyEntry *entry);

/*
 * The same for one place.  Places are numbered from 0 to cs_store_places() -
 * 1.  A key stays in the place that it belongs to, so scans of different
 * places can be any time apart.
 */
extern uint64 cs_store_places(void);
extern uint64 cs_store_place_of(const CsKey *key);
extern int	cs_store_place_size(void);	/* entries that fit into a place */
extern void cs_store_keys_begin_at(CsKeyScan *scan, uint32 owner, const char *prefix,
								   Size prefix_len, uint64 place);

#ifdef CS_TEST_POINTS
/*
 * Whether the store is consistent and nothing is staged, as it must be when no
 * backend changes it.  If false, 'msg' is set to the reason.
 */
extern bool cs_store_is_settled(char *msg, Size msglen);

extern uint64 cs_store_scanned; /* buckets examined by this backend */
#endif

#endif							/* CS_STAGED_H */
