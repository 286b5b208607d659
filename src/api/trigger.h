/*-------------------------------------------------------------------------
 *
 * trigger.h
 *		The trigger functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRIGGER_H
#define CS_TRIGGER_H

extern void cs_trigger_init(void);

#endif							/* CS_TRIGGER_H */
