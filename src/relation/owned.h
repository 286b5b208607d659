/*-------------------------------------------------------------------------
 *
 * owned.h
 *		Tables that a caller names by OID and must own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_OWNED_H
#define CS_OWNED_H

#include "compat.h"

cs_noreturn extern void cs_owned_missing_error(Oid relid);
extern bool cs_owned_is(Oid relid);
extern char *cs_owned_check(Oid relid);
extern char *cs_owned_lock(Oid relid);

#endif							/* CS_OWNED_H */
