/*-------------------------------------------------------------------------
 *
 * delta.h
 *		Deltas: what a transaction has deferred for one key, and how deltas
 *		combine with each other and with the row that the table has.
 *
 * A delta is a value: it knows nothing of transactions, entries or journals.
 * It has two encodings.  The flat one (memory) holds datums of the types that
 * the columns had; a column whose type has changed since is converted through
 * text.  The portable one (journal, dead letters) holds everything as text,
 * with column names, and outlives dump and restore.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DELTA_H
#define CS_DELTA_H

#include "lib/stringinfo.h"
#include "relation/binding.h"
#include "utils/jsonb.h"

/* How concurrent changes of a column combine. */
typedef enum CsRule
{
	CS_RULE_ADD,
	CS_RULE_MAX,
	CS_RULE_MIN,
	CS_RULE_REPLACE
} CsRule;

/* A column that may be deferred, with what combining it takes. */
typedef struct CsMergeColumn
{
	AttrNumber	attnum;
	CsRule		rule;
	Oid			type;			/* of the column, domains looked through */
	int32		typmod;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Oid			collation;
	Oid			delta_type;		/* what CS_RULE_ADD adds: int8 for the
								 * integers, else the type itself; other
								 * rules: type */
	FmgrInfo	cmp;			/* CS_RULE_MAX, CS_RULE_MIN */
} CsMergeColumn;

typedef struct CsMerge
{
	int			n;
	CsMergeColumn *columns;		/* by attnum */
	Bitmapset  *attnums;		/* of all of them, as attribute numbers */
	bool		constrained;	/* a CHECK, or a domain, or a typmod, may
								 * refuse a value of one of them */
} CsMerge;

/* One column of a delta. */
typedef struct CsColumnDelta
{
	AttrNumber	attnum;
	CsRule		rule;			/* CS_RULE_REPLACE in a whole row */
	Oid			type;			/* of value */
	bool		isnull;
	Datum		value;			/* to add; to compare with; to set */
	uint64		stamp;			/* of the transaction; 0: not yet known */
	Oid			flat_type;		/* of the value that was decoded, and how long
								 * those are: the type may be gone */
	int16		flat_typlen;
	bool		flat_byval;
} CsColumnDelta;

/* A change of one key.  Its parts take effect in the order of the fields. */
typedef struct CsDelta
{
	bool		cancel;			/* what was deferred before is void */
	Bitmapset  *cancelled;		/* or so much of it: attribute numbers */
	bool		whole;			/* the columns are a whole row, which is there
								 * from now on: insert or update */
	int			n;
	CsColumnDelta *columns;		/* by attnum */
} CsDelta;

/*
 * The binding's merge rules, resolved when first needed.  Columns named in
 * cache.bindings.merge that the table does not have are left out.
 */
extern const CsMerge *cs_merge_get(CsBinding *binding);
extern const CsMergeColumn *cs_merge_column(const CsMerge *merge, AttrNumber attnum);

/*
 * For attach: an error unless each name is a column of the table, each rule is
 * known and fits its type, and no column is part of the primary key, generated,
 * used by a generated column, under a unique index or exclusion constraint.
 * NULL or {}: nothing to check.
 */
extern void cs_merge_check(Relation rel, Jsonb *merge);

/* Flat encoding: one allocation; positions of datums are aligned. */
extern char *cs_delta_encode(const CsDelta *delta, Size *len);
extern void cs_delta_decode(const char *data, Size len, CsDelta *delta);

/*
 * acc becomes: acc, then later.  "Then" is by stamp; for CS_RULE_REPLACE
 * columns each column's own stamp decides, so that a late arrival with a
 * smaller stamp loses (stamp 0 is newest).  Memory is of the current context;
 * acc may point into later's.
 */
extern void cs_delta_fold(CsBinding *binding, CsDelta *acc, const CsDelta *later);

/* Set every column's stamp. */
extern void cs_delta_stamp(CsDelta *delta, uint64 stamp);

/* Anything left to write to the table? */
extern bool cs_delta_is_empty(const CsDelta *delta);

/*
 * The row as it is after the delta, NULL if there is none: a new row of the
 * binding's type (values cast to the column's type and typmod, which may fail)
 * or 'row' itself.  Ignores cancel and cancelled.  Columns of the delta that the
 * table no longer has are ignored.
 */
extern HeapTupleHeader cs_delta_apply(CsBinding *binding, HeapTupleHeader row,
									  const CsDelta *delta);

/*
 * NOT NULL, CHECK and domain constraints of the table, as an UPDATE of these
 * columns checks them (same errors), or an INSERT (NULL).  'generate': generated
 * columns that depend on them are not what they will be.
 */
extern void cs_delta_check_row(CsBinding *binding, HeapTupleHeader row,
							   const Bitmapset *columns, bool generate);

/* The columns that it changes; NULL: all. */
extern Bitmapset *cs_delta_columns(const CsDelta *delta);

/* Portable encoding; a bytea.  The key's columns are in it. */
extern bytea *cs_delta_to_portable(CsBinding *binding, const CsRowKey *rowkey,
								   const CsDelta *delta);

/* As it is in memory, for where that cannot be made: it is not read back. */
extern bytea *cs_delta_to_raw(const CsRowKey *rowkey, const CsDelta *delta);

/*
 * 'relid' is that of the table when it was written; if it is not the binding's
 * (dump and restore), columns are found by name, else by number.  False: the
 * key has a column that does not exist any more.
 */
extern bool cs_delta_from_portable(CsBinding *binding, bytea *portable,
								   CsRowKey *rowkey, CsDelta *delta);

/* For people: {"key": {...}, "changes": {"views": {"add": 5}, ...}} */
extern Jsonb *cs_delta_to_jsonb(CsBinding *binding, const CsRowKey *rowkey,
								const CsDelta *delta);

#endif							/* CS_DELTA_H */
