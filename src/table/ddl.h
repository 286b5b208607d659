/*-------------------------------------------------------------------------
 *
 * ddl.h
 *		What DDL does to cached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DDL_H
#define CS_DDL_H

/*
 * A cached table was changed; may refuse that.  Called at PRE_COMMIT, with the
 * lock of the DDL still held.
 */
extern void (*cs_ddl_check_hook) (Oid relid, int slot);

extern void cs_ddl_init(void);

/* Is this a temporary relation of this session?  Must not read catalogues. */
extern bool cs_ddl_is_temporary(Oid relid);

/* All slots are in use: give back those that nobody needs. */
extern void cs_ddl_reclaim_slots(void);

#endif							/* CS_DDL_H */
