/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Background workers: a launcher, for each database that has something to
 *		do one worker that refreshes and one that flushes, and for a table whose
 *		flush hangs a process of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WORKER_H
#define CS_WORKER_H

extern void cs_worker_init(void);

/* Entry points, found by name; the argument of the others is the database. */
extern PGDLLEXPORT void cs_launcher_main(Datum arg);
extern PGDLLEXPORT void cs_refresh_main(Datum arg);
extern PGDLLEXPORT void cs_flusher_main(Datum arg);

/* The argument is a slot. */
extern PGDLLEXPORT void cs_alone_main(Datum arg);

#endif							/* CS_WORKER_H */
