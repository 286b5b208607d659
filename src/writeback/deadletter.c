/*-------------------------------------------------------------------------
 *
 * deadletter.c
 *		Deltas that their table refuses: cache.dead_letter_store, and the
 *		functions for it, cache.requeue() and cache.discard().
 *
 * A dead letter is a delta in the portable form, with the error that the table
 * raised.  It is stored in the transaction that could not apply the delta, so
 * the delta is never in two places.  The table of dead letters belongs to the
 * extension's owner, and is read and written as that role.  Everything that
 * touches the cached table, or types that its owner may have created, is done
 * as the owner of that table.
 *
 * cache.requeue() holds the lock of a dead letter's row while applying it, so
 * that two sessions cannot deliver the same one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "relation/catalog.h"
#include "relation/owned.h"
#include "relation/owner.h"
#include "rowcache/strategy.h"
#include "shmem.h"
#include "writeback/apply.h"
#include "writeback/deadletter.h"
#include "writeback/portable.h"
#include "writeback/statement.h"

PG_FUNCTION_INFO_V1(cs_requeue);
PG_FUNCTION_INFO_V1(cs_discard);

/*
 * The dead letters that the caller has chosen, restricted to tables of the
 * caller.
 */
typedef struct Chosen
{
	Datum		relations;		/* oid[] */
	bool		any_id;
	int64		id;
	bool		all;			/* neither a table nor an id was given */
} Chosen;

/* A dead letter to be delivered. */
typedef struct Letter
{
	int64		id;
	Oid			relid;
} Letter;

/* Reason why it was not delivered. */
typedef struct Failure
{
	MemoryContext context;		/* of the message */
	int			sqlerrcode;
	char	   *message;
} Failure;

/* ----- the table of dead letters ----- */

/*
 * Execute a change of it.  SPI must be connected.  Returns the number of rows.
 */
static uint64
run(CsCatalogQuery *query)
{
	return cs_catalog_change("dead_letter_store", query);
}

static void
connect_spi(void)
{
	SPI_connect();
}

static Datum
result_column(uint64 row, int column)
{
	bool		isnull;

	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
}

/* Add the SQLSTATE and the message as arguments. */
static void
add_error(CsCatalogQuery *command, int sqlerrcode, const char *message)
{
	cs_catalog_arg(command, TEXTOID, CStringGetTextDatum(unpack_sql_state(sqlerrcode)), false);
	cs_catalog_arg(command, TEXTOID, CStringGetTextDatum(message != NULL ? message : ""), false);
}

/*
 * Insert a dead letter.
 */
static void
store(CsBinding *binding, Oid written_for, bytea *portable, Jsonb *content,
	  const ErrorData *error)
{
	CsCatalogQuery command = {
		.text = "INSERT INTO cache.dead_letter_store (relation, written_for, change, content, "
		"sqlstate, message, attempts, first_time, last_time) "
		"VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7)"
	};

	connect_spi();
	cs_catalog_arg(&command, REGCLASSOID, ObjectIdGetDatum(binding->relid), false);
	cs_catalog_arg(&command, OIDOID, ObjectIdGetDatum(written_for), false);
	cs_catalog_arg(&command, BYTEAOID, PointerGetDatum(portable), false);
	cs_catalog_arg(&command, JSONBOID, JsonbPGetDatum(content), false);
	add_error(&command, error->sqlerrcode, error->message);
	cs_catalog_arg(&command, TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()), false);
	(void) run(&command);
	SPI_finish();
}

typedef struct Text
{
	CsBinding  *binding;
	const CsApplyItem *item;
	bytea	   *portable;
	Jsonb	   *content;
} Text;

static void
make_text(void *arg)
{
	Text	   *text = arg;
	const CsApplyItem *item = text->item;

	text	  ->portable = cs_portable_from_delta(text->binding, item->rowkey, item->delta);
	text	  ->content = cs_portable_to_jsonb(text->binding, item->rowkey, item->delta);
}

/*
 * Convert the delta to text, which remains valid when the table changes.
 * Returns false if an output function fails; the delta is then stored in its
 * binary form, which cannot be delivered.
 */
static bool
try_text(CsBinding *binding, const CsApplyItem *item, bytea **portable, Jsonb **content)
{
	Text text = {binding, item};
	ErrorData  *error = cs_apply_attempt(make_text, &text);

	if (error != NULL)
	{
		FreeErrorData(error);
		return false;
	}
	*portable = text.portable;
	*content = text.content;

	return true;
}

/*
 * A CsRefused: store the delta as a dead letter.
 */
void
cs_deadletter_store(CsBinding *binding, const CsApplyItem *item,
					const ErrorData *error, void *arg)
{
	bytea	   *portable;
	Jsonb	   *content;

	if (try_text(binding, item, &portable, &content))
		store(binding, binding->relid, portable, content, error);
	else
		cs_deadletter_store_unread(binding, binding->relid,
								   cs_portable_from_raw(item->rowkey, item->delta), error);
}

/*
 * Store a delta of the journal that cannot be decoded because the table has
 * changed.
 */
void
cs_deadletter_store_unread(CsBinding *binding, Oid written_for, bytea *portable,
						   const ErrorData *error)
{
	store(binding, written_for, portable,
		  DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"))), error);
}

/* ----- ownership ----- */

static bool
exists(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

/*
 * Whether the current role may handle the dead letters of a table.  Those of a
 * dropped table are for superusers.
 */
static bool
is_owner(Oid relid)
{
	return cs_owned_is(relid) || superuser();
}

static void
check_owner(Oid relid)
{
	if (!is_owner(relid))
		(void) cs_owned_check(relid);
}

/* Array of the caller's tables that have dead letters. */
static Datum
owned_relations(void)
{
	CsCatalogQuery command = {.text = "SELECT DISTINCT relation FROM cache.dead_letter_store"};
	uint64		n = run(&command);
	Datum	   *owned = palloc(Max(n, 1) * sizeof(Datum));
	int			nowned = 0;

	for (uint64 i = 0; i < n; i++)
		if (is_owner(DatumGetObjectId(result_column(i, 1))))
			owned[nowned++] = result_column(i, 1);
	return PointerGetDatum(construct_array(owned, nowned, OIDOID, sizeof(Oid), true,
										   TYPALIGN_INT));
}

/*
 * Choose by the arguments (relation, id), either or both of which may be NULL.
 */
static void
choose(FunctionCallInfo fcinfo, Chosen *chosen)
{
	Datum		relation = PG_GETARG_DATUM(0);

	chosen->all = PG_ARGISNULL(0) && PG_ARGISNULL(1);
	chosen->any_id = PG_ARGISNULL(1);
	chosen->id = chosen->any_id ? 0 : PG_GETARG_INT64(1);
	if (PG_ARGISNULL(0))
	{
		chosen->relations = owned_relations();
		return;
	}
	check_owner(PG_GETARG_OID(0));
	chosen->relations = PointerGetDatum(construct_array(&relation, 1, OIDOID, sizeof(Oid),
														true, TYPALIGN_INT));
}

static void
add_chosen(CsCatalogQuery *command, const Chosen *chosen)
{
	cs_catalog_arg(command, OIDARRAYOID, chosen->relations, false);
	cs_catalog_arg(command, INT8OID, Int64GetDatum(chosen->id), chosen->any_id);
}

/* ----- requeue ----- */

/*
 * Set the failure; copies the message.
 */
static void
fail(Failure *failure, int sqlerrcode, const char *message)
{
	failure->sqlerrcode = sqlerrcode;
	failure->message = MemoryContextStrdup(failure->context, message != NULL ? message : "");
}

/* A CsRefused for cache.requeue(): keep the error. */
static void
keep_error(CsBinding *binding, const CsApplyItem *item, const ErrorData *error, void *arg)
{
	fail(arg, error->sqlerrcode, error->message);
}

/*
 * Decode the delta as the table's owner.
 */
static bool
decode(CsBinding *binding, bytea *change, CsRowKey *rowkey, CsDelta *delta)
{
	CsAsOwner	saved;
	bool		complete;

	memset(delta, 0, sizeof(*delta));
	cs_owner_begin(&saved, binding->owner);
	complete = cs_portable_to_delta(binding, change, rowkey, delta);
	cs_owner_end(&saved);
	return complete;
}

/*
 * Apply a dead letter to its table.  Returns false, with the reason in
 * 'failure', if that is not possible.
 */
static bool
deliver(const Letter *letter, bytea *change, Failure *failure)
{
	CsBinding  *binding;
	CsRowKey	rowkey;
	CsDelta		delta;
	CsApplyItem item = {.rowkey = &rowkey,.delta = &delta};

	LockRelationOid(letter->relid, RowExclusiveLock);
	binding = cs_strategy_require(letter->relid);
	if (!decode(binding, change, &rowkey, &delta))
	{
		fail(failure, ERRCODE_UNDEFINED_COLUMN,
			 "a column of its primary key does not exist any more");
		return false;
	}
	cs_apply_or(binding, &item, 1, 1, CS_APPLY_WAIT, keep_error, failure);
	if (item.outcome == CS_APPLIED_GONE)
		fail(failure, ERRCODE_NO_DATA_FOUND,
			 psprintf("the row does not exist in table \"%s\"", binding->name));
	return item.outcome == CS_APPLIED;
}

typedef struct Delivery
{
	const Letter *letter;
	bytea	   *change;
	Failure    *failure;
	bool		delivered;
} Delivery;

static void
make_delivery(void *arg)
{
	Delivery   *delivery = arg;

	delivery->delivered = deliver(delivery->letter, delivery->change, delivery->failure);
}

/*
 * The same in a subtransaction.  An error that may be transient is thrown; any
 * other is recorded with the dead letter.
 */
static bool
try_deliver(const Letter *letter, bytea *change, Failure *failure)
{
	Delivery	delivery = {letter, change, failure, false};
	ErrorData  *error = cs_apply_attempt(make_delivery, &delivery);

	if (error == NULL)
		return delivery.delivered;
	fail(failure, error->sqlerrcode, error->message);
	FreeErrorData(error);
	return false;
}

/*
 * Delete a delivered dead letter.
 */
static void
remove_letter(int64 id)
{
	CsCatalogQuery command = {.text = "DELETE FROM cache.dead_letter_store WHERE id OPERATOR(pg_catalog.=) $1"};

	cs_catalog_arg(&command, INT8OID, Int64GetDatum(id), false);
	(void) run(&command);
}

/*
 * Record a failed attempt.
 */
static void
count_attempt(int64 id, const Failure *failure)
{
	CsCatalogQuery command = {
		.text = "UPDATE cache.dead_letter_store SET attempts = attempts OPERATOR(pg_catalog.+) 1, "
		"sqlstate = $2, message = $3, last_time = $4 WHERE id OPERATOR(pg_catalog.=) $1"
	};

	cs_catalog_arg(&command, INT8OID, Int64GetDatum(id), false);
	add_error(&command, failure->sqlerrcode, failure->message);
	cs_catalog_arg(&command, TIMESTAMPTZOID, TimestampTzGetDatum(GetCurrentTimestamp()), false);
	(void) run(&command);
}

/* Returns false if the dead letter was not delivered or no longer exists. */
static bool
requeue_letter(const Letter *letter)
{
	CsCatalogQuery command = {
		.text = "SELECT change FROM cache.dead_letter_store WHERE id OPERATOR(pg_catalog.=) $1 FOR UPDATE"
	};
	Failure		failure = {0};
	bool		delivered = false;

	connect_spi();
	failure.context = CurrentMemoryContext;
	cs_catalog_arg(&command, INT8OID, Int64GetDatum(letter->id), false);
	if (run(&command) > 0)
	{
		bytea	   *change = DatumGetByteaPCopy(result_column(0, 1));

		delivered = try_deliver(letter, change, &failure);
		if (delivered)
			remove_letter(letter->id);
		else
			count_attempt(letter->id, &failure);
	}
	SPI_finish();
	return delivered;
}

/*
 * The chosen dead letters, oldest first for each table.  Those of dropped
 * tables are included.
 */
static Letter *
find_letters(const Chosen *chosen, uint64 *n)
{
	CsCatalogQuery command = {
		.text = "SELECT id, relation FROM cache.dead_letter_store "
		"WHERE relation OPERATOR(pg_catalog.=) ANY ($1) "
		"AND ($2 IS NULL OR id OPERATOR(pg_catalog.=) $2) ORDER BY relation, id"
	};
	Letter	   *letters;

	add_chosen(&command, chosen);
	*n = run(&command);
	letters = palloc_extended(Max(*n, 1) * sizeof(Letter), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < *n; i++)
	{
		letters[i].id = DatumGetInt64(result_column(i, 1));
		letters[i].relid = DatumGetObjectId(result_column(i, 2));
	}
	SPI_freetuptable(SPI_tuptable);
	return letters;
}

/*
 * Whether to try the dead letter.  If no table was named, those of tables that
 * are no longer attached are skipped, so that they do not raise an error.
 */
static bool
is_deliverable(const Letter *letter, const Chosen *chosen)
{
	return !chosen->all ||
		(exists(letter->relid) && cs_binding_get(letter->relid) != NULL);
}

/*
 * cache.requeue(relation, id).
 */
Datum
cs_requeue(PG_FUNCTION_ARGS)
{
	Chosen		chosen;
	Letter	   *letters;
	uint64		n;
	int64		delivered = 0;

	cs_shmem_require();
	PreventCommandIfReadOnly("cache.requeue()");
	connect_spi();
	choose(fcinfo, &chosen);
	letters = find_letters(&chosen, &n);
	for (uint64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_deliverable(&letters[i], &chosen) && requeue_letter(&letters[i]))
			delivered++;
	}
	SPI_finish();
	PG_RETURN_INT64(delivered);
}

/* ----- discard ----- */

/*
 * cache.discard(relation, id).
 */
Datum
cs_discard(PG_FUNCTION_ARGS)
{
	CsCatalogQuery command = {
		.text = "DELETE FROM cache.dead_letter_store "
		"WHERE relation OPERATOR(pg_catalog.=) ANY ($1) "
		"AND ($2 IS NULL OR id OPERATOR(pg_catalog.=) $2)"
	};
	Chosen		chosen;
	uint64		n;

	cs_shmem_require();
	connect_spi();
	choose(fcinfo, &chosen);
	add_chosen(&command, &chosen);
	n = run(&command);
	SPI_finish();
	PG_RETURN_INT64((int64) n);
}
