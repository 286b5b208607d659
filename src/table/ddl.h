/*-------------------------------------------------------------------------
 *
 * ddl.h
 *		What DDL does to cached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DDL_H
#define CS_DDL_H

extern void cs_ddl_init(void);

#endif							/* CS_DDL_H */
