/*-------------------------------------------------------------------------
 *
 * plainkeys.h
 *		The keys that a plain SELECT asks for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAINKEYS_H
#define CS_PLAINKEYS_H

#include "nodes/execnodes.h"
#include "utils/rel.h"

/* What the planner has found: how the values of keys are given. */
typedef struct CsPlainKey
{
	bool		rows;			/* the values of one key after those of the
								 * other; else a value, or a list of them, for
								 * each column */
	List	   *lists;			/* integers: whether a column's value is an
								 * array of which any element will do */
	List	   *values;			/* expressions; others may follow them */
	List	   *given;			/* OIDs: type of each value (of an element) if
								 * it is to be converted to the column's
								 * integer type; else InvalidOid */
} CsPlainKey;

/* One column of the keys. */
typedef struct CsPlainColumn
{
	ExprState **given;			/* the expression, or one for each key */
	Oid		   *convert;		/* as CsPlainKey's given, of each of them */
	bool		list;
	AttrNumber	attnum;			/* in the table */
	Oid			type;			/* of the column, or of a domain's base */
	int16		typlen;
	bool		typbyval;
	Oid			collation;		/* of the index */
	FmgrInfo   *compare;		/* NULL: not needed so far */
	Datum	   *values;
	int			n;
} CsPlainColumn;

typedef struct CsPlainKeys
{
	MemoryContext parent;		/* of the executor's state */
	MemoryContext context;		/* of the values; NULL: none so far */
	bool		rows;
	int			nkeys;			/* columns */
	int			nrows;			/* keys given, if they are given one by one */
	CsPlainColumn column[INDEX_MAX_KEYS];
	int64		n;				/* number of keys */
} CsPlainKeys;

extern void cs_plainkeys_begin(CsPlainKeys *keys, const CsPlainKey *key, Oid index,
							   PlanState *parent);
extern void cs_plainkeys_make(CsPlainKeys *keys, ExprContext *econtext);
extern void cs_plainkeys_get(const CsPlainKeys *keys, int64 pos, Datum *values);
extern void cs_plainkeys_end(CsPlainKeys *keys);

#endif							/* CS_PLAINKEYS_H */
