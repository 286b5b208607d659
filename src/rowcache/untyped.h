/*-------------------------------------------------------------------------
 *
 * untyped.h
 *		Types for parameters without a declared type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_UNTYPED_H
#define CS_UNTYPED_H

extern void cs_untyped_init(void);

#endif							/* CS_UNTYPED_H */
