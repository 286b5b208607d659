/*-------------------------------------------------------------------------
 *
 * refresh.h
 *		The refresh worker of a database that has refresh requests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_REFRESH_H
#define CS_REFRESH_H

#include "rowcache/access.h"

/* Found by name; the argument is the database. */
extern PGDLLEXPORT void cs_refresh_main(Datum arg);

/* Begin the access and lock the table; false if rows are not to be loaded. */
extern bool cs_refresh_begin_access(CsAccess *access, CsBinding *binding);

#endif							/* CS_REFRESH_H */
