/*-------------------------------------------------------------------------
 *
 * inval.h
 *		Hooks for invalidations of the relcache and of syscaches.
 *
 * Hooks are called in the order in which they were given, for as long as the
 * backend lives.  They must not throw, and must not read catalogues.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_INVAL_H
#define CS_INVAL_H

/* InvalidOid: it may be any relation. */
typedef void (*CsRelationHook) (Oid relid);
extern void cs_inval_on_relation(CsRelationHook hook);

/* Hash 0: it may be any entry of this syscache. */
typedef void (*CsSyscacheHook) (uint32 hash);
extern void cs_inval_on_syscache(int cacheid, CsSyscacheHook hook);

#endif							/* CS_INVAL_H */
