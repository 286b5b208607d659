/*-------------------------------------------------------------------------
 *
 * deltarecord.h
 *		Records of deferred entries: folding them, making new entries of them,
 *		and changing them in place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DELTARECORD_H
#define CS_DELTARECORD_H

#include "writeback/deferred.h"

#define cs_deltarecord_delta(record)	((char *) (record) + sizeof(CsDeltaRecord))
#define cs_deltarecord_size(record)		(sizeof(CsDeltaRecord) + MAXALIGN((record)->len))

/* A new entry being built in local memory. */
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
	uint64		id;				/* of the record; 0 for every record */
	CsDeltaRecordState from;	/* required state; CS_RECORD_DEAD for any */
	CsDeltaRecordState to;
	uint64		stamp;			/* new stamp; 0 to keep it */
	uint64		xid;
	bool		leaves;			/* readers that loaded before must look again */
	uint64		version;		/* required version; 0 for any */
	bool		done;
} CsFlip;

/* Combine several records into one delta. */
extern void cs_deltarecord_fold(CsBinding *binding, CsDeltaRecord **records, int n, CsDelta *delta);

extern void cs_deltarecord_build_begin(CsBuilder *builder, const CsBinding *binding,
									   const CsDeferred *copy);
extern void cs_deltarecord_build_keep(CsBuilder *builder, CsDeltaRecord *record);
extern void cs_deltarecord_build_leaves(CsBuilder *builder, const CsDeltaRecord *record);
extern CsDeltaRecord *cs_deltarecord_new(const CsDelta *delta, uint64 id, CsDeltaRecordState state);

/* Replace the entry whose version is 'expected'. */
extern CsSwap cs_deltarecord_build_put(CsBuilder *builder, const CsKey *key, uint64 expected,
									   bool force);

/* A CsAlterFn; the argument is a CsFlip. */
extern CsAlter cs_deltarecord_flip(char *value, Size len, void *arg);

#endif							/* CS_DELTARECORD_H */
