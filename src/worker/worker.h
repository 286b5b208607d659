/*-------------------------------------------------------------------------
 *
 * worker.h
 *		Background workers: a launcher, and one worker for each database that
 *		has something to do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WORKER_H
#define CS_WORKER_H

extern void cs_worker_init(void);

#endif							/* CS_WORKER_H */
