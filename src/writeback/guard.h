/*-------------------------------------------------------------------------
 *
 * guard.h
 *		Statements that cannot be right for tables with deferred writes, and
 *		drops that would lose some.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_GUARD_H
#define CS_GUARD_H

extern void cs_guard_init(void);

#endif							/* CS_GUARD_H */
