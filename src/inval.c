/*-------------------------------------------------------------------------
 *
 * inval.c
 *		Relcache and syscache invalidations, passed to the parts of the library
 *		that have hooks for them.
 *
 * A backend has room for ten relcache callbacks, including PostgreSQL's own
 * and those of all libraries, and exits with an error when another one is
 * registered.  This library registers one.  For syscaches there is room for
 * 64; it registers one for each syscache that it uses.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"

#include "inval.h"

#define MAX_RELATION_HOOKS	8
#define MAX_SYSCACHE_HOOKS	40

typedef struct SyscacheHook
{
	int			cacheid;
	CsSyscacheHook hook;
} SyscacheHook;

static CsRelationHook relation_hooks[MAX_RELATION_HOOKS];
static int	n_relation_hooks = 0;
static SyscacheHook syscache_hooks[MAX_SYSCACHE_HOOKS];
static int	n_syscache_hooks = 0;

/*
 * Relcache callback: call all hooks.
 */
static void
relation_callback(Datum arg, Oid relid)
{
	for (int i = 0; i < n_relation_hooks; i++)
		relation_hooks[i] (relid);
}

/*
 * Syscache callback: call the hooks of this syscache.
 */
static void
syscache_callback(Datum arg, int cacheid, uint32 hash)
{
	for (int i = 0; i < n_syscache_hooks; i++)
		if (syscache_hooks[i].cacheid == cacheid)
			syscache_hooks[i].hook(hash);
}

/*
 * Have the hook called for each relcache invalidation.  It must not throw.  To
 * be called while the library is loaded.
 */
void
cs_inval_on_relation(CsRelationHook hook)
{
	if (n_relation_hooks == MAX_RELATION_HOOKS)
		elog(FATAL, "too many hooks for relcache invalidations");
	if (n_relation_hooks == 0)
		CacheRegisterRelcacheCallback(relation_callback, (Datum) 0);
	relation_hooks[n_relation_hooks++] = hook;
}

/*
 * Have the hook called for each invalidation of a syscache.  It must not
 * throw.  To be called while the library is loaded.
 */
void
cs_inval_on_syscache(int cacheid, CsSyscacheHook hook)
{
	bool		listening = false;

	if (n_syscache_hooks == MAX_SYSCACHE_HOOKS)
		elog(FATAL, "too many hooks for syscache invalidations");
	for (int i = 0; i < n_syscache_hooks; i++)
		listening |= syscache_hooks[i].cacheid == cacheid;
	if (!listening)
		CacheRegisterSyscacheCallback(cacheid, syscache_callback, (Datum) 0);
	syscache_hooks[n_syscache_hooks++] = (SyscacheHook)
	{
		cacheid, hook
	};
}
