/*-------------------------------------------------------------------------
 *
 * launcher.h
 *		The launcher of the background workers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LAUNCHER_H
#define CS_LAUNCHER_H

#include "postmaster/bgworker.h"

extern void cs_launcher_init(void);

/* In the launcher itself. */
extern BackgroundWorkerHandle *cs_launcher_register(Oid database, const char *function,
													const char *kind, Datum arg);
extern bool cs_launcher_database_exists(Oid database);

/* Found by name. */
extern PGDLLEXPORT void cs_launcher_main(Datum arg);

#endif							/* CS_LAUNCHER_H */
