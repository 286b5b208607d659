/*-------------------------------------------------------------------------
 *
 * keyarg.h
 *		A row's key from the arguments of a function.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYARG_H
#define CS_KEYARG_H

#include "relation/key.h"
#include "utils/snapshot.h"

/* How an argument becomes a key value. */
typedef enum CsCoercion
{
	CS_COERCE_NONE,				/* same type, or binary compatible */
	CS_COERCE_INPUT,			/* unknown literal: the type's input function */
	CS_COERCE_TEXT_INPUT,		/* the same for text that SELECT would not
								 * compare with the column */
	CS_COERCE_FUNCTION,			/* an implicit cast */
	CS_COERCE_EXACT,			/* the one value of the column's type that is
								 * equal, if there is one */
	CS_COERCE_TEXT,				/* text for character(n) or name, which SELECT
								 * compares as text */
	CS_COERCE_COMPARE			/* the table's keys are compared with it */
} CsCoercion;

typedef struct CsKeyArg
{
	Oid			type;			/* domains looked through */
	CsCoercion	coercion;
	FmgrInfo	function;
	Oid			operator;		/* that compares the column with it */
	bool		foreign;		/* anybody's code may be run for it */
} CsKeyArg;

extern void cs_keyarg_prepare(const struct CsBinding *binding, int column,
							  Oid argtype, bool element, CsKeyArg *arg,
							  MemoryContext context);
extern bool cs_keyarg_key(const struct CsBinding *binding, CsKeyArg *args,
						  const Datum *given, Snapshot snapshot,
						  CsRowKey *rowkey);
cs_noreturn extern void cs_keyarg_count_error(const struct CsBinding *binding, int given);

#endif							/* CS_KEYARG_H */
