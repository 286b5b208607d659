/*-------------------------------------------------------------------------
 *
 * detach.h
 *		Detaching a table from the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DETACH_H
#define CS_DETACH_H

extern void cs_detach_flush(Oid relid);
extern bool cs_detach_forget(Oid relid, const char *qualified_name);

#endif							/* CS_DETACH_H */
