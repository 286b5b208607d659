/*-------------------------------------------------------------------------
 *
 * untyped.h
 *		Types for the parameters that clients leave untyped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_UNTYPED_H
#define CS_UNTYPED_H

extern void cs_untyped_init(void);

#endif							/* CS_UNTYPED_H */
