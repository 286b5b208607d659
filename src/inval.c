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
 * In a server with assertions and debug_discard_caches, PostgreSQL says in
 * each AcceptInvalidationMessages() that everything has changed, although no
 * message was received.  What begins again when something has changed
 * meanwhile would never end.  So of these only one in DISCARDS_TOLD is passed
 * on.  Nothing that begins again meets as many: a statement's analysis meets
 * some thousands.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/sinval.h"
#include "utils/inval.h"

#include "inval.h"

#define MAX_RELATION_HOOKS	8
#define MAX_SYSCACHE_HOOKS	40
#define DISCARDS_TOLD		19997

typedef struct SyscacheHook
{
	int			cacheid;
	CsSyscacheHook hook;
} SyscacheHook;

static CsRelationHook relation_hooks[MAX_RELATION_HOOKS];
static int	n_relation_hooks = 0;
static SyscacheHook syscache_hooks[MAX_SYSCACHE_HOOKS];
static int	n_syscache_hooks = 0;

#ifdef DISCARD_CACHES_ENABLED
static uint64 received = 0;		/* messages, when all was last discarded */
static uint32 n_discards = 0;

/*
 * Whether an invalidation of everything is one of debug_discard_caches that is
 * not passed on.
 */
static bool
is_untold_discard(void)
{
	return debug_discard_caches > 0 && SharedInvalidMessageCounter == received &&
		n_discards % DISCARDS_TOLD != 0;
}

/* Relation callbacks are the last of those that are called for a discard. */
static void
count_discard(void)
{
	received = SharedInvalidMessageCounter;
	n_discards++;
}
#else
#define is_untold_discard() false
#define count_discard() ((void) 0)
#endif

/*
 * Relcache callback: call all hooks.
 */
static void
relation_callback(Datum arg, Oid relid)
{
	if (!OidIsValid(relid))
	{
		bool		untold = is_untold_discard();

		count_discard();
		if (untold)
			return;
	}
	for (int i = 0; i < n_relation_hooks; i++)
		relation_hooks[i] (relid);
}

/*
 * Syscache callback: call the hooks of this syscache.
 */
static void
syscache_callback(Datum arg, int cacheid, uint32 hash)
{
	if (hash == 0 && is_untold_discard())
		return;
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
