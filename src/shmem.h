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
	void		(*request) (void);	/* of locks, and of space if that is not
									 * what size() says; or NULL */
	Size		(*size) (void); /* or NULL */
	void		(*init) (void); /* under AddinShmemInitLock */
} CsShmemPart;

extern void cs_shmem_hook(const CsShmemPart *list, int n);
extern bool cs_shmem_ready(void);
extern void cs_shmem_require(void);

#endif							/* CS_SHMEM_H */
