/*-------------------------------------------------------------------------
 *
 * put.h
 *		What install.c and staged.c have in common: putting a record where it
 *		belongs, with room for it and within the owner's quota.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PUT_H
#define CS_PUT_H

#include "store/partition.h"

/* What is to be put. */
typedef struct CsNew
{
	const CsKey *key;
	const CsMeta *meta;			/* with CS_ENTRY_PENDING, as the pending entry */
	const char *value;
	Size		len;
	Size		size;			/* of the record */
	Size		quota;			/* 0: none */
	const CsVacated *vacated;	/* NULL: none */
	CsClaim		claim;
	CsPlace		place;

	/* what the last try has found out */
	bool		over_quota;
	Size		replaces;		/* bytes of the entry that would have gone */
	uint64		round;			/* where the tail of the main log will have
								 * passed every record once; 0: it has, or
								 * does not move */
} CsNew;

/* An entry that is going to be replaced. */
typedef struct CsOld
{
	CsSlot		slot;
	bool		present;
	bool		dirty;
	Size		size;			/* 0 unless present */
	Size		pos;
} CsOld;

typedef enum CsPut
{
	CS_PUT_DONE,
	CS_PUT_NO_ROOM,
	CS_PUT_OVER_QUOTA
} CsPut;

/* False: it is too large. */
extern bool cs_put_prepare(CsNew *new, const CsKey *key, const CsMeta *meta,
						   const char *value, Size len, Size quota);

/* Under the key's partition lock, exclusively, in a critical section. */
extern void cs_put_find(const CsNew *new, CsOld *old);
extern CsPut cs_put(CsNew *new, CsOld *old);

/*
 * There was no room: is it worth while to try again?  From try to try more is
 * evicted, up to 'last'.
 */
extern bool cs_put_again(CsNew *new, CsProtection last);
extern void cs_put_give_up(CsNew *new);

/*
 * Without a lock, when the quota was exceeded: make the owner smaller in other
 * partitions.  The first asks a few of them; the second goes on until the new
 * record fits, or nothing of the owner's is left that can go.
 */
extern void cs_put_ask_some(const CsNew *new);
extern void cs_put_ask_all(const CsNew *new);

#endif							/* CS_PUT_H */
