/*-------------------------------------------------------------------------
 *
 * savekeys.h
 *		Saving the keys of cached rows, hottest first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SAVEKEYS_H
#define CS_SAVEKEYS_H

extern void cs_savekeys_run(void);

#endif							/* CS_SAVEKEYS_H */
