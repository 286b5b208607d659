/*-------------------------------------------------------------------------
 *
 * values.c
 *		Values of watched columns: their watch words, and noting them when rows
 *		are changed.
 *
 * A word is found by the hash of the table's slot, the column and the value,
 * the latter by the hash function of the type's default operator class: what
 * the operators of that family hold equal has one hash, whatever its bytes
 * are, and whichever types of the family it has.  Composite types, arrays and
 * ranges are left out, as what they are made of can be altered.
 *
 * The places are read anew for each row, after the row was changed; publishing
 * a column relies on that (place.h).  Of a partition the columns are found by
 * name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "relation/values.h"
#include "store/keyhash.h"
#include "store/watchword.h"
#include "xact/xact.h"

/* Computed when it is read, from PostgreSQL 18 on: no trigger sees it. */
#define GENERATED_VIRTUAL	'v'

bool
cs_values_hash(Form_pg_attribute column, CsValueHash *hash)
{
	TypeCacheEntry *type;
	Oid			base;
	char		kind;

	if (column->attnum <= 0 || column->attisdropped ||
		column->attgenerated == GENERATED_VIRTUAL)
		return false;
	base = getBaseType(column->atttypid);
	kind = get_typtype(base);
	if ((kind != TYPTYPE_BASE && kind != TYPTYPE_ENUM) ||
		OidIsValid(get_element_type(base)))
		return false;
	type = lookup_type_cache(base, TYPECACHE_HASH_OPFAMILY |
							 TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	if (!OidIsValid(type->hash_extended_proc))
		return false;
	hash->function = &type->hash_extended_proc_finfo;
	hash->collation = column->attcollation;
	return true;
}

/*
 * The value's hash is seeded.  Columns have 11 bits.  A word is chosen by the
 * upper half of a hash, and some types' hashes have only a lower one.
 */
uint32
cs_values_word(int slot, AttrNumber column, const CsValueHash *hash, Datum value)
{
	uint64		of_column = murmurhash32((uint32) slot << 11 ^ (uint32) column);
	uint64		of_value;

	of_value = DatumGetUInt64(FunctionCall2Coll(hash->function, hash->collation, value,
												UInt64GetDatum(cs_keyhash_seed(0))));
	return cs_watchword_of(of_value ^ of_value << 32 ^ of_column << 32);
}

/*
 * The column of a table as the relation has it, which is the table or a part
 * of it.
 */
static AttrNumber
find_column(Relation rel, Oid table, AttrNumber column)
{
	char	   *name;

	if (table == RelationGetRelid(rel))
		return column <= RelationGetNumberOfAttributes(rel) ? column : 0;
	name = get_attname(table, column, true);
	return name != NULL ? get_attnum(RelationGetRelid(rel), name) : 0;
}

/*
 * Other types than the table's are there no longer once DDL has moved the
 * epoch.
 */
static void
describe(CsNotedColumns *columns, int i, Relation rel, Oid table, uint64 place)
{
	AttrNumber	attnum = find_column(rel, table, cs_place_column(place));

	if (attnum > 0 &&
		!cs_values_hash(TupleDescAttr(RelationGetDescr(rel), attnum - 1),
						&columns->column[i].hash))
		attnum = 0;
	columns->column[i].attnum = attnum;
	columns->column[i].place = place;
}

static void
note(const CsNotedColumns *columns, int i, int slot, Datum value)
{
	AttrNumber	column = cs_place_column(columns->column[i].place);

	cs_xact_note_word(slot, cs_values_word(slot, column, &columns->column[i].hash, value));
}

/*
 * Note the values of a row as it was, and as it is.  Most changes leave a
 * watched column as it is; the same bytes have the same word.
 */
static void
note_both(const CsNotedColumns *columns, int i, int slot, TupleTableSlot *old,
		  TupleTableSlot *new)
{
	AttrNumber	attnum = columns->column[i].attnum;
	bool		was_null = true;
	bool		is_null = true;
	Datum		was = old != NULL ? slot_getattr(old, attnum, &was_null) : (Datum) 0;
	Datum		is = new != NULL ? slot_getattr(new, attnum, &is_null) : (Datum) 0;

	if (!was_null)
		note(columns, i, slot, was);
	if (!was_null && !is_null)
	{
		Form_pg_attribute att = TupleDescAttr(new->tts_tupleDescriptor, attnum - 1);

		if (datumIsEqual(was, is, att->attbyval, att->attlen))
			return;
	}
	if (!is_null)
		note(columns, i, slot, is);
}

bool
cs_values_note(CsNotedColumns *columns, Relation rel, Oid table, int slot,
			   TupleTableSlot *old, TupleTableSlot *new)
{
	bool		watched = false;

	for (int i = 0; i < CS_N_PLACES; i++)
	{
		uint64		place = cs_place_read(slot, i);

		if (cs_place_column(place) == 0)
			continue;
		if (columns->column[i].place != place)
			describe(columns, i, rel, table, place);
		if (columns->column[i].attnum == 0)
			continue;
		watched = true;
		note_both(columns, i, slot, old, new);
	}
	return watched && !cs_xact_has_all_values(slot);
}
