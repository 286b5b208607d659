/*-------------------------------------------------------------------------
 *
 * put.h
 *		Putting a record into the store, with room for it and within the
 *		owner's quota; shared by install.c and staged.c.
 *
 * Portions Copyright (c) 2026, the cache_strategies authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PUT_H
#define CS_PUT_H

#include "store/partition.h"

/* A record to be put. */
typedef struct CsNew
{
	const CsKey *key;
	const CsMeta *meta;			/* with CS_ENTRY_PENDING, as the pending entry */
	const char *value;
	Size		len;
	Size		size;			/* size of the record */
	Size		quota;			/* 0: no quota */
	const CsVacated *vacated;	/* NULL: none */
	CsClaim		claim;
	CsPlace		place;

	/* state of the last attempt */
	bool		over_quota;
	Size		replaces;		/* bytes of the entry to be replaced */
	uint64		round;			/* position at which the tail of the main log
								 * has passed every record once; 0: it has, or
								 * it does not move */
} CsNew;

/* The entry to be replaced. */
typedef struct CsOld
{
	CsSlot		slot;
	bool		present;
	bool		dirty;
	Size		size;			/* 0 if not present */
	Size		pos;
} CsOld;

typedef enum CsPut
{
	CS_PUT_DONE,
	CS_PUT_NO_ROOM,
	CS_PUT_OVER_QUOTA
} CsPut;

extern bool cs_put_prepare(CsNew *new, const CsKey *key, const CsMeta *meta,
						   const char *value, Size len, Size quota);

extern void cs_put_find(const CsNew *new, CsOld *old);
extern CsPut cs_put(CsNew *new, CsOld *old);

extern bool cs_put_again(CsNew *new, CsProtection last);
extern void cs_put_give_up(CsNew *new);

extern void cs_put_ask_some(const CsNew *new);
extern void cs_put_ask_all(const CsNew *new);

#endif							/* CS_PUT_H */
