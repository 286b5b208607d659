/*-------------------------------------------------------------------------
 *
 * declared.h
 *		Statements that were declared with cache.declare_query().
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DECLARED_H
#define CS_DECLARED_H

#include "nodes/parsenodes.h"

typedef struct CsDeclared
{
	int64		id;
	Oid			role;			/* that declared it */
	int64		ttl;			/* microseconds; 0: none */
	int64		max_age;		/* microseconds; 0: exact */
} CsDeclared;

extern void cs_declared_init(void);

/* OID of cache.declared_store; InvalidOid if the extension does not exist. */
extern Oid	cs_declared_catalog(void);

/*
 * The declaration of a rewritten statement; NULL: there is none.  Valid until
 * the next call of a function of this file, as those below.
 */
extern const CsDeclared *cs_declared_find(const Query *query);

extern const CsDeclared *cs_declared_get(int64 id);
extern const CsDeclared *cs_declared_get_text(const char *text);

/* Why the declaration is without effect; NULL: it has one. */
extern const char *cs_declared_problem(int64 id);

/* Does the role own all tables of a declared statement? */
extern bool cs_declared_owned(int64 id, Oid role);

/* Does the role own all these tables? */
extern bool cs_declared_owns(Oid role, const Oid *tables, int ntables);

#endif							/* CS_DECLARED_H */
