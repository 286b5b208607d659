/*-------------------------------------------------------------------------
 *
 * tracked.h
 *		Tracked tables: cache.tracked, and their triggers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRACKED_H
#define CS_TRACKED_H

#include "relation/binding.h"

extern void cs_tracked_create(Oid relid, const bool *by_value, bool by_schema);
extern bool cs_tracked_drop(Oid relid);
extern bool cs_tracked_is_listed(Oid relid);
extern bool cs_tracked_is_wanted(Oid relid);
extern void cs_tracked_renew_triggers(Oid relid, const CsBinding *binding);
extern bool cs_tracked_forget(Oid relid);
extern bool cs_tracked_is_of_schema(Oid relid);
extern bool cs_tracked_is_refused(Oid relid);
extern void cs_tracked_refuse(Oid relid);

#endif							/* CS_TRACKED_H */
