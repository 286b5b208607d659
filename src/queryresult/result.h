/*-------------------------------------------------------------------------
 *
 * result.h
 *		The result of a query: as it is kept, as it is received from the
 *		executor, and as it is returned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RESULT_H
#define CS_RESULT_H

#include "access/tupconvert.h"
#include "kv/kv.h"
#include "relation/track.h"
#include "tcop/dest.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"
#include "xact/snapshot.h"

/* A result with what decides whether it still holds. */
typedef struct CsKept
{
	TimestampTz due;			/* to be computed anew; 0: never.  The entry
								 * expires later if there is a grace period */
	int64		cost;			/* of computing it, microseconds */
	uint64		newest;			/* xid that had changed its tables by then */
	int			nwatches;
	CsWatch    *watches;
	CsSeen	   *seen;			/* by the snapshot it was computed under */
	int			ntags;
	CsKvTag    *tags;
	const char *data;
	Size		len;
} CsKept;

/* The entry's value, palloc'd, for store and back; the latter points into it. */
extern char *cs_result_encode(const CsKept *kept, Size *len);
extern void cs_result_decode(char *value, CsKept *kept);

/* Where a result goes to: rows into a tuplestore, or one array into 'json'. */
typedef struct CsOutput
{
	Oid			rowtype;		/* invalid: json */
	Oid			domain;			/* over rowtype, if that is a row; or invalid */
	TupleDesc	tupdesc;		/* of rows; one column for scalars */
	Tuplestorestate *rows;
	Jsonb	   *json;

	/* the bytes to be kept; NULL if they have become too many */
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

/* Somewhere to send the rows to; they are all there after cs_result_output_end(). */
extern DestReceiver *cs_result_output_receiver(CsOutput *output);
extern void cs_result_output_end(CsOutput *output);
extern void cs_result_output_replay(CsOutput *output, const CsKept *kept);

#endif							/* CS_RESULT_H */
