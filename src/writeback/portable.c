/*-------------------------------------------------------------------------
 *
 * portable.c
 *		The portable encoding of deltas, for journals and dead letters, and
 *		their representation as jsonb.
 *
 * The portable encoding may be read after DDL on the table, after pg_upgrade,
 * or after dump and restore into another database, even with another encoding.
 * So everything is text, and columns have name and number:
 *
 *		byte	version
 *		byte	flags
 *		int32	character encoding
 *		int64	system identifier	\
 *		int32	database			 > where the numbers are valid
 *		int32	table				/
 *		int16	columns of the key, each: number, name, value
 *		int16	cancelled columns, each: number, name
 *		int16	changed columns, each: number, name, rule, stamp, value
 *
 * in network byte order.  Names and values are an int32 length (-1 for NULL)
 * and that many bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "writeback/combine.h"
#include "writeback/merge.h"
#include "writeback/portable.h"
#include "writeback/sum.h"

#define PORTABLE_VERSION	1
#define PORTABLE_RAW		0xff	/* instead of a version: not portable */

/* Instead of a rule: a value of a type that does not exist any more. */
#define PORTABLE_LOST		0xff

#define PORTABLE_CANCEL		0x01
#define PORTABLE_WHOLE		0x02

/* ----- writing ----- */

static void
send_text(StringInfo buf, const char *string)
{
	int			len = strlen(string);

	pq_sendint32(buf, len);
	pq_sendbytes(buf, string, len);
}

static void
send_value(StringInfo buf, const CsBinding *binding, Oid type, Datum value, bool isnull)
{
	char	   *string;

	if (isnull)
	{
		pq_sendint32(buf, -1);
		return;
	}
	string = cs_combine_to_text(binding, type, value);
	send_text(buf, string);
	pfree(string);
}

static void
send_column(StringInfo buf, Form_pg_attribute att)
{
	pq_sendint16(buf, att->attnum);
	send_text(buf, NameStr(att->attname));
}

static void
send_key(StringInfo buf, const CsBinding *binding, const CsRowKey *rowkey)
{
	pq_sendint16(buf, binding->nkeys);
	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *key = &binding->keys[i];

		send_column(buf, TupleDescAttr(binding->tupdesc, key->attnum - 1));
		send_value(buf, binding, key->type, rowkey->value[i], false);
	}
}

static void
send_cancelled(StringInfo buf, const CsBinding *binding, const Bitmapset *cancelled)
{
	int			at = buf->len;
	int			attnum = -1;
	uint16		n = 0;

	pq_sendint16(buf, 0);
	while ((attnum = bms_next_member(cancelled, attnum)) >= 0)
	{
		Form_pg_attribute att = cs_merge_attribute(binding, attnum);

		if (att == NULL)
			continue;
		send_column(buf, att);
		n++;
	}
	n = pg_hton16(n);
	memcpy(buf->data + at, &n, sizeof(n));
}

static void
send_changes(StringInfo buf, const CsBinding *binding, const CsDelta *delta)
{
	int			at = buf->len;
	uint16		n = 0;

	pq_sendint16(buf, 0);
	for (int i = 0; i < delta->n; i++)
	{
		const CsColumnDelta *column = &delta->columns[i];
		Form_pg_attribute att = cs_merge_attribute(binding, column->attnum);
		bool		lost;

		if (att == NULL)
			continue;
		lost = !column->isnull && !cs_combine_type_exists(column->type);
		send_column(buf, att);
		pq_sendbyte(buf, lost ? PORTABLE_LOST : column->rule);
		pq_sendint64(buf, column->stamp);
		send_value(buf, binding, column->type, column->value, column->isnull || lost);
		n++;
	}
	n = pg_hton16(n);
	memcpy(buf->data + at, &n, sizeof(n));
}

/* Portable encoding of a delta, including its key.  Palloc'd. */
bytea *
cs_portable_from_delta(CsBinding *binding, const CsRowKey *rowkey, const CsDelta *delta)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, PORTABLE_VERSION);
	pq_sendbyte(&buf, (delta->cancel ? PORTABLE_CANCEL : 0) |
				(delta->whole ? PORTABLE_WHOLE : 0));
	pq_sendint32(&buf, GetDatabaseEncoding());
	pq_sendint64(&buf, GetSystemIdentifier());
	pq_sendint32(&buf, MyDatabaseId);
	pq_sendint32(&buf, binding->relid);
	send_key(&buf, binding, rowkey);
	send_cancelled(&buf, binding, delta->cancelled);
	send_changes(&buf, binding, delta);
	return pq_endtypsend(&buf);
}

/*
 * The flat encoding, if the portable one cannot be made.  It is not read back.
 */
bytea *
cs_portable_from_raw(const CsRowKey *rowkey, const CsDelta *delta)
{
	StringInfoData buf;
	Size		len;
	char	   *encoded = cs_delta_encode(delta, &len);

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, PORTABLE_RAW);
	pq_sendint32(&buf, rowkey->key.len);
	pq_sendbytes(&buf, rowkey->key.data, rowkey->key.len);
	pq_sendbytes(&buf, encoded, len);
	return pq_endtypsend(&buf);
}

/* ----- reading ----- */

typedef struct Reader
{
	const CsBinding *binding;
	StringInfoData buf;
	int			encoding;
	bool		by_number;		/* written for this table, so column numbers
								 * are valid */
} Reader;

/* Read a text, converted to the database's encoding; NULL for NULL. */
static char *
get_text(Reader *reader)
{
	int			len = (int32) pq_getmsgint(&reader->buf, 4);
	char	   *string;

	if (len < 0)
		return NULL;
	string = pnstrdup(pq_getmsgbytes(&reader->buf, len), len);
	if (reader->encoding == GetDatabaseEncoding())
		return string;
	return pg_any_to_server(string, len, reader->encoding);
}

static Form_pg_attribute
find_by_name(const CsBinding *binding, const char *name)
{
	for (int i = 0; i < binding->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(binding->tupdesc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return att;
	}
	return NULL;
}

/*
 * Read a column.  It may have been renamed, so its number counts; a restored
 * table has other numbers, so there its name counts.  NULL if the column does
 * not exist.
 */
static Form_pg_attribute
get_column(Reader *reader)
{
	AttrNumber	attnum = (int16) pq_getmsgint(&reader->buf, 2);
	char	   *name = get_text(reader);

	if (name == NULL)
		elog(ERROR, "deferred write is damaged");
	if (reader->by_number)
		return cs_merge_attribute(reader->binding, attnum);
	return find_by_name(reader->binding, name);
}

/*
 * Read the key; returns false if it is not the table's primary key any more.
 */
static bool
get_key(Reader *reader, CsRowKey *rowkey)
{
	const CsBinding *binding = reader->binding;
	int			n = pq_getmsgint(&reader->buf, 2);
	int			found = 0;

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = get_column(reader);
		char	   *string = get_text(reader);

		for (int k = 0; k < binding->nkeys && att != NULL && string != NULL; k++)
			if (binding->keys[k].attnum == att->attnum)
			{
				rowkey->value[k] = cs_combine_from_text(binding, binding->keys[k].type, -1,
														string);
				found++;
			}
	}
	return found == n && found == binding->nkeys;
}

static void
get_cancelled(Reader *reader, CsDelta *delta)
{
	int			n = pq_getmsgint(&reader->buf, 2);

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute att = get_column(reader);

		if (att != NULL)
			delta->cancelled = bms_add_member(delta->cancelled, att->attnum);
	}
}

/*
 * Type that the values of a change must have now; the length is applied with
 * the change.
 */
static Oid
value_type(Form_pg_attribute att, CsRule rule)
{
	Oid			type = getBaseType(att->atttypid);
	CsMergeColumn column;

	memset(&column, 0, sizeof(column));
	return cs_merge_resolve(&column, rule, type) ? column.delta_type : type;
}

/* Read a value.  A sum of integers may be larger than 64 bits. */
static void
read_value(const CsBinding *binding, CsColumnDelta *column, char *string)
{
	bool		wide = column->rule == CS_RULE_ADD && column->type == INT8OID;
	Numeric		number;
	bool		overflow;
	int64		integer;

	if (!wide)
	{
		column->value = cs_combine_from_text(binding, column->type, -1, string);
		return;
	}
	number = DatumGetNumeric(cs_combine_from_text(binding, NUMERICOID, -1, string));
	integer = cs_sum_to_integer(number, &overflow);
	column->type = overflow ? NUMERICOID : INT8OID;
	column->value = overflow ? NumericGetDatum(number) : Int64GetDatum(integer);
}

/*
 * Read the change of one column.
 */
static void
get_change(Reader *reader, CsDelta *delta)
{
	Form_pg_attribute att = get_column(reader);
	int			rule = pq_getmsgbyte(&reader->buf);
	uint64		stamp = pq_getmsgint64(&reader->buf);
	char	   *string = get_text(reader);
	CsColumnDelta *column;

	if (rule > CS_RULE_REPLACE && rule != PORTABLE_LOST)
		elog(ERROR, "deferred write is damaged");
	if (att == NULL)
		return;
	if (rule == PORTABLE_LOST)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the type of a deferred value of table \"%s\" no longer exists",
						reader->binding->name)));
	column = &delta->columns[delta->n++];
	column->attnum = att->attnum;
	column->rule = (CsRule) rule;
	column->type = value_type(att, column->rule);
	column->isnull = string == NULL;
	column->value = (Datum) 0;
	column->stamp = stamp;
	if (string != NULL)
		read_value(reader->binding, column, string);
}

static int
compare_columns(const void *a, const void *b)
{
	return ((const CsColumnDelta *) a)->attnum - ((const CsColumnDelta *) b)->attnum;
}

static void
get_changes(Reader *reader, CsDelta *delta)
{
	int			n = pq_getmsgint(&reader->buf, 2);

	delta->columns = palloc0(Max(n, 1) * sizeof(CsColumnDelta));
	for (int i = 0; i < n; i++)
		get_change(reader, delta);
	qsort(delta->columns, delta->n, sizeof(CsColumnDelta), compare_columns);
}

/*
 * Read the head.
 */
static void
get_head(Reader *reader, CsDelta *delta)
{
	int			version = pq_getmsgbyte(&reader->buf);
	int			flags;
	uint64		system;
	Oid			database;
	Oid			relid;

	if (version == PORTABLE_RAW)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("deferred write has values that have no text")));
	if (version != PORTABLE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("deferred write has format version %d, which is not known", version)));
	flags = pq_getmsgbyte(&reader->buf);
	delta->cancel = (flags & PORTABLE_CANCEL) != 0;
	delta->whole = (flags & PORTABLE_WHOLE) != 0;
	reader->encoding = pq_getmsgint(&reader->buf, 4);
	system = pq_getmsgint64(&reader->buf);
	database = pq_getmsgint(&reader->buf, 4);
	relid = pq_getmsgint(&reader->buf, 4);
	reader->by_number = system == GetSystemIdentifier() && database == MyDatabaseId &&
		relid == reader->binding->relid;
}

/*
 * Decode a portable delta.
 *
 * If it was written for another table (before dump and restore), columns are
 * found by name, else by number.  Returns false if the key has a column that
 * does not exist any more.  Allocates in the current context.
 */
bool
cs_portable_to_delta(CsBinding *binding, bytea *portable, CsRowKey *rowkey,
					 CsDelta *delta)
{
	Reader		reader = {.binding = binding};

	portable = (bytea *) PG_DETOAST_DATUM_PACKED(PointerGetDatum(portable));
	initStringInfo(&reader.buf);
	appendBinaryStringInfo(&reader.buf, VARDATA_ANY(portable), VARSIZE_ANY_EXHDR(portable));
	memset(delta, 0, sizeof(*delta));
	get_head(&reader, delta);
	if (!get_key(&reader, rowkey))
		return false;
	cs_key_make(binding, rowkey);
	get_cancelled(&reader, delta);
	get_changes(&reader, delta);
	pfree(reader.buf.data);
	return true;
}

/* ----- representation as jsonb ----- */

/* Whether the text is a JSON number; NaN and infinity are not. */
static bool
is_json_number(Oid type, const char *string)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return strspn(string, "+-.0123456789eE") == strlen(string);
		default:
			return false;
	}
}

/*
 * Append a value by the type's output function.  to_json() would use casts of
 * any role, and this may run as another role.
 */
static void
append_value(StringInfo buf, const CsBinding *binding, Oid type, Datum value, bool isnull)
{
	char	   *string;

	if (isnull || !cs_combine_type_exists(type))
	{
		appendStringInfoString(buf, "null");
		return;
	}
	string = cs_combine_to_text(binding, type, value);
	if (type == BOOLOID)
		appendStringInfoString(buf, DatumGetBool(value) ? "true" : "false");
	else if (type == JSONBOID || is_json_number(type, string))
		appendStringInfoString(buf, string);
	else
		escape_json(buf, string);
	pfree(string);
}

static void
append_name(StringInfo buf, Form_pg_attribute att, bool first)
{
	if (!first)
		appendStringInfoString(buf, ", ");
	escape_json(buf, NameStr(att->attname));
	appendStringInfoString(buf, ": ");
}

static void
append_key(StringInfo buf, const CsBinding *binding, const CsRowKey *rowkey)
{
	for (int i = 0; i < binding->nkeys; i++)
	{
		const CsKeyColumn *key = &binding->keys[i];

		append_name(buf, TupleDescAttr(binding->tupdesc, key->attnum - 1), i == 0);
		append_value(buf, binding, key->type, rowkey->value[i], false);
	}
}

static void
append_changes(StringInfo buf, const CsBinding *binding, const CsDelta *delta)
{
	bool		first = true;

	for (int i = 0; i < delta->n; i++)
	{
		const CsColumnDelta *column = &delta->columns[i];
		Form_pg_attribute att = cs_merge_attribute(binding, column->attnum);

		if (att == NULL)
			continue;
		append_name(buf, att, first);
		appendStringInfo(buf, "{\"%s\": ", cs_merge_rule_name(column->rule));
		append_value(buf, binding, column->type, column->value, column->isnull);
		appendStringInfoChar(buf, '}');
		first = false;
	}
}

/*
 * Representation for display: {"key": {...}, "changes": {"views": {"add": 5},
 * ...}}
 */
Jsonb *
cs_portable_to_jsonb(CsBinding *binding, const CsRowKey *rowkey, const CsDelta *delta)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"key\": {");
	append_key(&buf, binding, rowkey);
	appendStringInfoString(&buf, "}, \"changes\": {");
	append_changes(&buf, binding, delta);
	appendStringInfoChar(&buf, '}');
	if (delta->whole)
		appendStringInfoString(&buf, ", \"whole\": true");
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}
