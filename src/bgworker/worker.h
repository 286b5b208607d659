/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Background workers: the launcher, and for each database that has
 *		something to do one worker that refreshes.  Those that flush are in
 *		writeback/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WORKER_H
#define CS_WORKER_H

extern void cs_launcher_init(void);

/* Entry points, found by name; the argument of the other is the database. */
extern PGDLLEXPORT void cs_launcher_main(Datum arg);
extern PGDLLEXPORT void cs_refresh_main(Datum arg);

#endif							/* CS_WORKER_H */
