/*-------------------------------------------------------------------------
 *
 * tracked.h
 *		Which tables are tracked: cache.tracked, and their triggers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TRACKED_H
#define CS_TRACKED_H

#include "relation/binding.h"

/* Is it in cache.tracked, as of now? */
extern bool cs_tracked_is_listed(Oid relid);

/* Is it there, or attached, or a partition of such a table? */
extern bool cs_tracked_is_wanted(Oid relid);

/*
 * Give the table those triggers that tracking needs beside the ones of its
 * binding (NULL: none).  The caller has ShareRowExclusiveLock.
 */
extern void cs_tracked_renew_triggers(Oid relid, const CsBinding *binding);

/* Take it out of cache.tracked; was it there?  SPI is connected. */
extern bool cs_tracked_forget(Oid relid);

#endif							/* CS_TRACKED_H */
