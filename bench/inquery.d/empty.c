/*-------------------------------------------------------------------------
 *
 * empty.c
 *		A function that does nothing, with the signature of cache.read().
 *
 * What a call of it takes is what PostgreSQL needs to call any C function: the
 * part of a cached read that no cache can save.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(bench_empty);

Datum
bench_empty(PG_FUNCTION_ARGS)
{
	PG_RETURN_NULL();
}
