/*-------------------------------------------------------------------------
 *
 * values.h
 *		Values of watched columns: their watch words, and noting them when rows
 *		are changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_VALUES_H
#define CS_VALUES_H

#include "executor/tuptable.h"
#include "fmgr.h"
#include "store/place.h"
#include "utils/rel.h"

/*
 * How values that are compared with a column's are hashed: by the default hash
 * operator family of the column's type, so that equal ones have one hash.
 */
typedef struct CsValueHash
{
	FmgrInfo   *function;		/* extended; the type cache's, or palloc'd */
	Oid			collation;
} CsValueHash;

/*
 * The column's own values; false: they cannot be hashed so that it can be
 * relied on.
 */
extern bool cs_values_hash(Form_pg_attribute column, CsValueHash *hash);

extern uint32 cs_values_word(int slot, AttrNumber column, const CsValueHash *hash,
							 Datum value);

/*
 * A relation that triggers are fired for, seen as a part of a table with a
 * slot.
 */
typedef struct CsNotedColumns
{
	struct
	{
		uint64		place;		/* its word, as of which the rest is */
		AttrNumber	attnum;		/* in the relation; 0: it has no such column */
		CsValueHash hash;
	}			column[CS_N_PLACES];
} CsNotedColumns;

/*
 * A row was changed: note the old and the new one's values (NULL: there is
 * none). False: no other row of the table would add anything.
 */
extern bool cs_values_note(CsNotedColumns *columns, Relation rel, Oid table, int slot,
						   TupleTableSlot *old, TupleTableSlot *new);

#endif							/* CS_VALUES_H */
