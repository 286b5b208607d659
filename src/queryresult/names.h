/*-------------------------------------------------------------------------
 *
 * names.h
 *		Properties of a query's text that its analysis no longer shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_NAMES_H
#define CS_NAMES_H

#include "nodes/pg_list.h"

extern bool cs_names_note(List *raw);

extern bool cs_names_concern(uint32 hash);
extern void cs_names_forget(void);

#endif							/* CS_NAMES_H */
