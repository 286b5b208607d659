/*-------------------------------------------------------------------------
 *
 * owned.h
 *		Tables that a caller names by their OID, and has to own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_OWNED_H
#define CS_OWNED_H

#include "compat.h"

/* The table is gone. */
cs_noreturn extern void cs_owned_missing_error(Oid relid);
extern bool cs_owned_is(Oid relid);
extern char *cs_owned_check(Oid relid);
extern char *cs_owned_lock(Oid relid);

#endif							/* CS_OWNED_H */
