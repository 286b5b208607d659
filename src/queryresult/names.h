/*-------------------------------------------------------------------------
 *
 * names.h
 *		What a query's text says that its analysis no longer shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_NAMES_H
#define CS_NAMES_H

#include "nodes/pg_list.h"

/*
 * Note the names in a list of raw parse trees that would stand for something
 * else if it came up in a schema that is searched earlier.  True: literals like
 * 'now' make another query of the same text at another time.
 */
extern bool cs_names_note(List *raw);

/* Could a relation or type whose name has this hash be one of those noted? */
extern bool cs_names_concern(uint32 hash);
extern void cs_names_forget(void);

#endif							/* CS_NAMES_H */
