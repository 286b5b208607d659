/*-------------------------------------------------------------------------
 *
 * constrain.h
 *		DDL that constrains a table's rows, and deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CONSTRAIN_H
#define CS_CONSTRAIN_H

#include "nodes/parsenodes.h"

extern bool cs_constrain_constrains(const AlterTableCmd *cmd);
extern void cs_constrain_table(Oid relid);

extern bool cs_constrain_alters(const AlterDomainStmt *stmt);
extern void cs_constrain_domain(const AlterDomainStmt *stmt);

extern void cs_constrain_refuse_rule(Oid relid);
extern void cs_constrain_refuse_unlogged(Oid relid);

#endif							/* CS_CONSTRAIN_H */
