/*-------------------------------------------------------------------------
 *
 * keyarg.h
 *		Conversion of function arguments to the key of a row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYARG_H
#define CS_KEYARG_H

#include "relation/key.h"
#include "utils/snapshot.h"

/* How an argument is converted. */
typedef enum CsCoercion
{
	CS_COERCE_NONE,				/* same type, or binary compatible */
	CS_COERCE_INPUT,			/* unknown literal, by the type's input
								 * function */
	CS_COERCE_TEXT_INPUT,		/* text that SELECT would not compare with the
								 * column, by the input function */
	CS_COERCE_FUNCTION,			/* by an implicit cast */
	CS_COERCE_EXACT,			/* to the one value of the column's type that
								 * is equal, if any */
	CS_COERCE_TEXT,				/* text for character(n) or name, which SELECT
								 * compares as text */
	CS_COERCE_COMPARE			/* the table is searched for keys that are
								 * equal */
} CsCoercion;

typedef struct CsKeyArg
{
	Oid			type;			/* base type of a domain */
	CsCoercion	coercion;
	FmgrInfo	function;
	Oid			operator;		/* compares the column with the argument */
	bool		foreign;		/* code of any role may run */
} CsKeyArg;

extern void cs_keyarg_prepare(const struct CsBinding *binding, int column,
							  Oid argtype, bool element, CsKeyArg *arg,
							  MemoryContext context);
extern bool cs_keyarg_key(const struct CsBinding *binding, CsKeyArg *args,
						  const Datum *given, Snapshot snapshot,
						  CsRowKey *rowkey);
cs_noreturn extern void cs_keyarg_count_error(const struct CsBinding *binding, int given);

#endif							/* CS_KEYARG_H */
