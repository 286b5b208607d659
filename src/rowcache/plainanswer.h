/*-------------------------------------------------------------------------
 *
 * plainanswer.h
 *		The cache's answers to the keys of a plain SELECT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAINANSWER_H
#define CS_PLAINANSWER_H

#include "rowcache/batch.h"
#include "rowcache/plainkeys.h"

/* What is read, and where it is cached. */
typedef struct CsPlainSource
{
	Oid			attached;		/* the table, or the one that it is a
								 * partition of */
	Oid			key_index;		/* of the primary key of that */
	Oid			index;			/* of the primary key of the table itself */
} CsPlainSource;

typedef struct CsPlainAnswers
{
	CsPlainSource source;
	const ScanState *scan;
	const CsPlainKeys *keys;
	bool		part;			/* it reads a partition of what is attached */

	/* the binding that was examined last */
	const CsBinding *binding;
	uint64		generation;

	/* keys that have been answered together */
	MemoryContext context;		/* NULL: none so far */
	CsBatch    *batch;
	int64		first;			/* number of the batch's first key */
	int			size;			/* of the next batch */

	uint64		counts[CS_N_REASONS];
} CsPlainAnswers;

extern bool cs_plainanswer_serves(const CsBinding *binding);
extern void cs_plainanswer_begin(CsPlainAnswers *answers, const CsPlainSource *source,
								 const ScanState *scan, const CsPlainKeys *keys);
extern void cs_plainanswer_reset(CsPlainAnswers *answers);
extern void cs_plainanswer_key(CsPlainAnswers *answers, int64 pos, const Datum *values,
							   CsAnswer *answer);
extern void cs_plainanswer_end(CsPlainAnswers *answers);

#endif							/* CS_PLAINANSWER_H */
