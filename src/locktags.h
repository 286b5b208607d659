/*-------------------------------------------------------------------------
 *
 * locktags.h
 *		Classes of advisory locks: the last field of their tags, objsubid in
 *		pg_locks.
 *
 * PostgreSQL uses 1 for pg_advisory_lock(bigint) and 2 for (int, int), with
 * which any session can take any lock; the other classes cannot be taken from
 * SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LOCKTAGS_H
#define CS_LOCKTAGS_H

typedef enum CsLockClass
{
	CS_LOCK_BIGINT = 1,			/* used by test points */
	CS_LOCK_FLUSH = 0xc5,		/* a table being flushed: its OID, 0 */
	CS_LOCK_KEY = 0xc6,			/* a key of a table: the OID, the key's hash */
	CS_LOCK_SPACE = 0xc7,		/* a space, or a key of it: id, 0 or a hash */
	CS_LOCK_ROLE = 0xc8			/* the same for a role's own space */
} CsLockClass;

#endif							/* CS_LOCKTAGS_H */
