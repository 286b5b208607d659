/*-------------------------------------------------------------------------
 *
 * detach.h
 *		Taking a table out of the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DETACH_H
#define CS_DETACH_H

/* Write what has been deferred so far, by the options so far. */
extern void cs_detach_flush(Oid relid);

/*
 * Take the table out of cache.bindings, with what the journal and its own
 * triggers are there for; was it there?  SPI is connected.
 */
extern bool cs_detach_forget(Oid relid, const char *qualified_name);

#endif							/* CS_DETACH_H */
