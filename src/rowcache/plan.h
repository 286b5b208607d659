/*-------------------------------------------------------------------------
 *
 * plan.h
 *		Plans that name a table by its row type depend on the table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAN_H
#define CS_PLAN_H

extern void cs_plan_init(void);

#endif							/* CS_PLAN_H */
