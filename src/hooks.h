/*-------------------------------------------------------------------------
 *
 * hooks.h
 *		PostgreSQL's object_access_hook, for the parts of the library.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_HOOKS_H
#define CS_HOOKS_H

#include "catalog/objectaccess.h"

/* 'auxiliary' is the second object of an ALTER, or InvalidOid. */
typedef void (*CsObjectHook) (ObjectAccessType access, Oid class, Oid object, int sub,
							  Oid auxiliary);

/* A kind of access, in a set of them. */
#define CS_ACCESS(access)	(1 << (access))

extern void cs_hooks_on_object(int accesses, CsObjectHook hook);

#endif							/* CS_HOOKS_H */
