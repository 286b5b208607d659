/*-------------------------------------------------------------------------
 *
 * atonce.h
 *		Triggers that report a change at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ATONCE_H
#define CS_ATONCE_H

extern void cs_atonce_init(void);

#endif							/* CS_ATONCE_H */
