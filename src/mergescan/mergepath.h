/*-------------------------------------------------------------------------
 *
 * mergepath.h
 *		Paths that merge the rows of a table with their deferred changes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MERGEPATH_H
#define CS_MERGEPATH_H

extern void cs_mergepath_init(void);

#endif							/* CS_MERGEPATH_H */
