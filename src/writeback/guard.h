/*-------------------------------------------------------------------------
 *
 * guard.h
 *		Refusing statements that cannot work on tables with deferred writes,
 *		and drops that would lose deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_GUARD_H
#define CS_GUARD_H

extern void cs_guard_init(void);

#endif							/* CS_GUARD_H */
