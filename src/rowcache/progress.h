/*-------------------------------------------------------------------------
 *
 * progress.h
 *		Progress of long work on cached rows, for the view cache.progress.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PROGRESS_H
#define CS_PROGRESS_H

extern Size cs_progress_shmem_size(void);
extern void cs_progress_shmem_init(void);

extern void cs_progress_start(Oid relation, const char *phase, int64 total);
extern void cs_progress_start_in(Oid database, Oid relation, const char *phase,
								 int64 total);
extern void cs_progress_phase(const char *phase);
extern void cs_progress_advance(int64 rows, int64 filled);
extern void cs_progress_end(void);

#endif							/* CS_PROGRESS_H */
