/*-------------------------------------------------------------------------
 *
 * leave_result.h
 *		The plan node CachedResult: executing a statement without it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LEAVE_RESULT_H
#define CS_LEAVE_RESULT_H

extern void cs_leave_result_init(void);

#endif							/* CS_LEAVE_RESULT_H */
