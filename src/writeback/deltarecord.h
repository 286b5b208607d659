/*-------------------------------------------------------------------------
 *
 * deltarecord.h
 *		Records of deferred entries, and making entries anew.  Private to
 *		deferred.c and flushbatch.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DELTARECORD_H
#define CS_DELTARECORD_H

#include "writeback/deferred.h"

#define cs_deltarecord_delta(record)	((char *) (record) + sizeof(CsDeltaRecord))
#define cs_deltarecord_size(record)		(sizeof(CsDeltaRecord) + MAXALIGN((record)->len))

/* An entry that is being made, in private memory. */
typedef struct CsBuilder
{
	const CsBinding *binding;
	CsDeferredHead head;
	Size		size;
	int			n;
	CsDeltaRecord **records;
} CsBuilder;

/* A change of an entry in place. */
typedef struct CsFlip
{
	uint64		id;				/* of the record; 0: every one */
	CsDeltaRecordState from;	/* CS_RECORD_DEAD: whatever it is */
	CsDeltaRecordState to;
	uint64		stamp;			/* 0: stays */
	uint64		xid;
	bool		leaves;			/* readers who loaded before must look again */
	uint64		version;		/* only if it is this; 0: any */
	bool		done;
} CsFlip;

/* Several records as one delta. */
extern void cs_deltarecord_fold(CsBinding *binding, CsDeltaRecord **records, int n, CsDelta *delta);

extern void cs_deltarecord_build_begin(CsBuilder *builder, const CsBinding *binding,
									   const CsDeferred *copy);
extern void cs_deltarecord_build_keep(CsBuilder *builder, CsDeltaRecord *record);
extern CsDeltaRecord *cs_deltarecord_new(const CsDelta *delta, uint64 id, CsDeltaRecordState state);

/* Have it take the place of the entry whose version is 'expected'. */
extern CsSwap cs_deltarecord_build_put(CsBuilder *builder, const CsKey *key, uint64 expected,
									   bool force);

/* A CsAlterFn; arg is a CsFlip. */
extern CsAlter cs_deltarecord_flip(char *value, Size len, void *arg);

#endif							/* CS_DELTARECORD_H */
