/*-------------------------------------------------------------------------
 *
 * result.h
 *		The result of a query to remember: received from the executor, and
 *		returned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RESULT_H
#define CS_RESULT_H

#include "access/tupconvert.h"
#include "queryresult/kept.h"
#include "queryresult/rowset.h"
#include "tcop/dest.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

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
extern bool cs_result_output_rows(const CsOutput *output, const char *data, Size len,
								  CsRowSet *rows);

#endif							/* CS_RESULT_H */
