/*-------------------------------------------------------------------------
 *
 * bindings_trigger.h
 *		The trigger of cache.bindings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_BINDINGS_TRIGGER_H
#define CS_BINDINGS_TRIGGER_H

extern void cs_bindings_trigger_init(void);

#endif							/* CS_BINDINGS_TRIGGER_H */
