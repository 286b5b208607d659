/*-------------------------------------------------------------------------
 *
 * shmem.h
 *		The extension's shared memory as a whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SHMEM_H
#define CS_SHMEM_H

/* Install the hooks that set it up; only while libraries are preloaded. */
extern void cs_shmem_hook(void);

/* Was the library preloaded? */
extern bool cs_shmem_ready(void);

/* An error if not. */
extern void cs_shmem_require(void);

#endif							/* CS_SHMEM_H */
