/*-------------------------------------------------------------------------
 *
 * result.h
 *		The result of a query: how it is kept, received from the executor, and
 *		returned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RESULT_H
#define CS_RESULT_H

#include "access/tupconvert.h"
#include "kv/kv.h"
#include "queryresult/depends.h"
#include "tcop/dest.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"
#include "xact/snapshot.h"

/* A result, with what decides whether it is still valid. */
typedef struct CsKept
{
	TimestampTz due;			/* time at which to compute it anew, 0 for
								 * never; the entry expires later if there is
								 * a grace period */
	int64		cost;			/* time of the computation, in microseconds */
	CsDepends	depends;		/* as of then */
	CsSeen	   *seen;			/* what the snapshot saw under which it was
								 * computed */
	int			ntags;
	CsKvTag    *tags;
	const char *data;
	Size		len;
} CsKept;

extern char *cs_result_encode(const CsKept *kept, Size *len);
extern void cs_result_decode(char *value, CsKept *kept);

/* Destination of a result: a tuplestore for rows, or 'json' for one array. */
typedef struct CsOutput
{
	Oid			rowtype;		/* InvalidOid for json */
	Oid			domain;			/* domain over the row type, or InvalidOid */
	TupleDesc	tupdesc;		/* of the rows; one column for scalars */
	Tuplestorestate *rows;
	Jsonb	   *json;

	/* the bytes to be kept; data is NULL if they are too large */
	Size		limit;
	char	   *data;
	Size		len;
	Size		size;

	/* while it is received */
	MemoryContext context;
	MemoryContext row_context;
	JsonbParseState *state;
	TupleDesc	input;			/* blessed, for json */
	FmgrInfo	to_jsonb;
	TupleConversionMap *map;
	void	   *domain_check;
} CsOutput;

extern void cs_result_output_begin(CsOutput *output, Oid rowtype);
extern void cs_result_output_check_shape(const CsOutput *output);

extern DestReceiver *cs_result_output_receiver(CsOutput *output);
extern void cs_result_output_end(CsOutput *output);
extern void cs_result_output_replay(CsOutput *output, const CsKept *kept);

#endif							/* CS_RESULT_H */
