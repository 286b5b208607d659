/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Background workers: the launcher, and a refresh worker for each
 *		database that has refresh requests. The flush workers are in
 *		writeback/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WORKER_H
#define CS_WORKER_H

extern void cs_launcher_init(void);

/*
 * Main functions, found by name; the argument of the second is the database.
 */
extern PGDLLEXPORT void cs_launcher_main(Datum arg);
extern PGDLLEXPORT void cs_refresh_main(Datum arg);

#endif							/* CS_WORKER_H */
