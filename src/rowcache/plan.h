/*-------------------------------------------------------------------------
 *
 * plan.h
 *		Dependencies of plans on tables that they name by row type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAN_H
#define CS_PLAN_H

extern void cs_plan_init(void);

#endif							/* CS_PLAN_H */
