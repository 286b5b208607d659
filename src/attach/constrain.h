/*-------------------------------------------------------------------------
 *
 * constrain.h
 *		DDL that constrains or converts a table's rows, and deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CONSTRAIN_H
#define CS_CONSTRAIN_H

#include "nodes/parsenodes.h"
#include "storage/lockdefs.h"

extern bool cs_constrain_constrains(const AlterTableCmd *cmd);
extern void cs_constrain_table(Oid relid, LOCKMODE lockmode);
extern void cs_constrain_referenced(Oid relid, Oid referenced, LOCKMODE lockmode);
extern void cs_constrain_concurrently(Oid relid);
extern void cs_constrain_tell_foreign_key(Oid relid, List *columns);
extern void cs_constrain_typed(Oid relid, LOCKMODE lockmode);

extern bool cs_constrain_alters(const AlterDomainStmt *stmt);
extern void cs_constrain_domain(const AlterDomainStmt *stmt);

extern void cs_constrain_refuse_rule(Oid relid);
extern void cs_constrain_refuse_unlogged(Oid relid);

#endif							/* CS_CONSTRAIN_H */
