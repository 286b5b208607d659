/*-------------------------------------------------------------------------
 *
 * shmem.h
 *		The extension's shared memory as a whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SHMEM_H
#define CS_SHMEM_H

/* A part of it. */
typedef struct CsShmemPart
{
	void		(*request) (void);	/* requests locks, and space beyond
									 * size(); may be NULL */
	Size		(*size) (void); /* may be NULL */
	void		(*init) (void); /* called under AddinShmemInitLock */
} CsShmemPart;

extern void cs_shmem_hook(const CsShmemPart *list, int n);
extern bool cs_shmem_ready(void);
extern void cs_shmem_require(void);

#endif							/* CS_SHMEM_H */
