/*-------------------------------------------------------------------------
 *
 * attached.h
 *		The list of attached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ATTACHED_H
#define CS_ATTACHED_H

#include "nodes/pg_list.h"

extern List *cs_attached_deferring(void);

#endif							/* CS_ATTACHED_H */
