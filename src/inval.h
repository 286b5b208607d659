/*-------------------------------------------------------------------------
 *
 * inval.h
 *		Hooks for invalidations of the relcache and of syscaches.
 *
 * Hooks are called in the order of registration, as long as the backend lives.
 * They must not throw, and must not read catalogues.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_INVAL_H
#define CS_INVAL_H

/* Called with InvalidOid for all relations. */
typedef void (*CsRelationHook) (Oid relid);
extern void cs_inval_on_relation(CsRelationHook hook);

/* Called with hash 0 for all entries of the syscache. */
typedef void (*CsSyscacheHook) (uint32 hash);
extern void cs_inval_on_syscache(int cacheid, CsSyscacheHook hook);

#endif							/* CS_INVAL_H */
