/*-------------------------------------------------------------------------
 *
 * change.h
 *		Changing keys, either at the end of the transaction or immediately.
 *
 * A change is made with the transaction unless CsKvHow says otherwise.  It is
 * then visible to its own transaction at once, and to others after commit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CHANGE_H
#define CS_CHANGE_H

#include "kv/kv.h"

typedef enum CsKvVerdict
{
	CS_KV_KEEP,					/* leave the key unchanged */
	CS_KV_PUT,					/* set the key to *new */
	CS_KV_REMOVE
} CsKvVerdict;

/*
 * Decides what becomes of a key.  'old' is NULL if the key holds nothing, or
 * if the caller did not ask for it.  May throw.  With 'immediate', it may be
 * called more than once.
 */
typedef CsKvVerdict (*CsKvChangeFn) (const CsKvValue *old, CsKvValue *new, void *arg);

typedef struct CsKvHow
{
	bool		immediate;		/* at once, independent of the transaction's
								 * outcome */
	bool		blind;			/* 'old' is not needed */
	bool		best_effort;	/* remove the key rather than fail for lack of
								 * room */
} CsKvHow;

extern bool cs_change_key(const CsKvKey *key, CsKvHow how, CsKvChangeFn change, void *arg);
extern bool cs_change_any(const CsKvKey *key, CsKvHow how, CsKvChangeFn change,
						  void *arg);
extern void cs_change_announce(const CsSpace *space, int64 nkeys);

#endif							/* CS_CHANGE_H */
