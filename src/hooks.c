/*-------------------------------------------------------------------------
 *
 * hooks.c
 *		PostgreSQL's object_access_hook, passed to the parts of the library.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hooks.h"

static object_access_hook_type next_object_access = NULL;
static struct
{
	int			accesses;		/* a set of CS_ACCESS() */
	CsObjectHook hook;
}			object_hooks[8];
static int	n_object_hooks = 0;

/* object_access_hook: call the previous hook and those of the parts. */
static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	Oid			auxiliary = InvalidOid;

	if (access == OAT_POST_ALTER && arg != NULL)
		auxiliary = ((ObjectAccessPostAlter *) arg)->auxiliary_id;
	if (next_object_access)
		next_object_access(access, class, object, sub, arg);
	for (int i = 0; i < n_object_hooks; i++)
		if (object_hooks[i].accesses & CS_ACCESS(access))
			object_hooks[i].hook(access, class, object, sub, auxiliary);
}

/*
 * Have the hook called for these kinds of access to an object, after the hooks
 * registered before.  It may throw.  To be called while the library is loaded.
 * Each statement accesses some functions, so a hook names only what it needs.
 */
void
cs_hooks_on_object(int accesses, CsObjectHook hook)
{
	if (n_object_hooks == lengthof(object_hooks))
		elog(FATAL, "too many hooks for accesses to objects");
	if (n_object_hooks == 0)
	{
		next_object_access = object_access_hook;
		object_access_hook = object_access;
	}
	object_hooks[n_object_hooks].accesses = accesses;
	object_hooks[n_object_hooks++].hook = hook;
}
