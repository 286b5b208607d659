/*-------------------------------------------------------------------------
 *
 * ddl.h
 *		What DDL does to cached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DDL_H
#define CS_DDL_H

#include "store/slot.h"

/*
 * A cached table was changed; may refuse that.  Called at PRE_COMMIT, with the
 * lock of the DDL still held.
 */
extern void (*cs_ddl_check_hook) (Oid relid, int slot);
extern void cs_ddl_init(void);
extern bool cs_ddl_is_temporary(Oid relid);
extern int	cs_ddl_make_slot(Oid relid, CsSlotDenial *denial);

#endif							/* CS_DDL_H */
