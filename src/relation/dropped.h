/*-------------------------------------------------------------------------
 *
 * dropped.h
 *		Tables, schemas and roles that are dropped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DROPPED_H
#define CS_DROPPED_H

#include "nodes/nodes.h"

extern bool cs_dropped_note(Oid relid);
extern void cs_dropped_note_schema(void);
extern void cs_dropped_forget_roles(void);
extern void cs_dropped_after(const Node *statement);

#endif							/* CS_DROPPED_H */
