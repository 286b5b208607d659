/*-------------------------------------------------------------------------
 *
 * write.h
 *		Statements of the functions that write by key: how they are kept and
 *		executed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WRITE_H
#define CS_WRITE_H

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/bitmapset.h"
#include "relation/binding.h"

/* Result of a statement. */
typedef struct CsReturned
{
	bool		found;			/* it changed, or saw, a row */
	bool		isnull;
	Datum		value;			/* first column, in the caller's context */
} CsReturned;

/* Values of CsPlan.kind */
enum
{
	CS_PLAN_WRITE,
	CS_PLAN_READ_BACK,
	CS_PLAN_REMOVE,
	CS_PLAN_INCREMENT,
	CS_PLAN_UPSERT
};

extern SPIPlanPtr cs_write_find_plan(const CsBinding *binding, int kind,
									 const Bitmapset *columns);
extern SPIPlanPtr cs_write_keep_plan(CsBinding *binding, int kind,
									 const Bitmapset *columns, const char *query,
									 int nargs, Oid *types);

extern void cs_write_connect(const CsBinding *binding);
extern void cs_write_run(CsBinding *binding, SPIPlanPtr plan, Datum *values,
						 const char *nulls, AttrNumber added_to,
						 CsReturned *returned);
extern const char *cs_write_column_name(const CsBinding *binding, AttrNumber attnum);
extern void cs_write_append_arbiter(StringInfo buf, const CsBinding *binding);
extern Bitmapset *cs_write_given_columns(const CsBinding *binding, const bool *nulls);

#endif							/* CS_WRITE_H */
