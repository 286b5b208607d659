/*-------------------------------------------------------------------------
 *
 * ddl.h
 *		Effects of DDL on cached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DDL_H
#define CS_DDL_H

#include "store/slot.h"

/*
 * Called at PRE_COMMIT for a cached table that DDL has changed, with the DDL's
 * lock still held.  May throw to refuse the change.
 */
extern void (*cs_ddl_check_hook) (Oid relid, int slot);
extern void cs_ddl_init(void);
extern bool cs_ddl_is_temporary(Oid relid);
extern int	cs_ddl_make_slot(Oid relid, CsSlotDenial *denial);

#endif							/* CS_DDL_H */
