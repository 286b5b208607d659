/*-------------------------------------------------------------------------
 *
 * mergelock.h
 *		Row locks of tables whose rows are merged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGELOCK_H
#define CS_MERGELOCK_H

extern void cs_mergelock_init(void);

#endif							/* CS_MERGELOCK_H */
