/*-------------------------------------------------------------------------
 *
 * part.h
 *		Parts of deferred entries, and making entries anew.  Private to
 *		deferred.c and taken.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PART_H
#define CS_PART_H

#include "writeback/deferred.h"

#define cs_part_delta(part)	((char *) (part) + sizeof(CsPart))
#define cs_part_size(part)		(sizeof(CsPart) + MAXALIGN((part)->len))

/* An entry that is being made, in private memory. */
typedef struct CsBuilder
{
	const CsBinding *binding;
	CsDeferredHead head;
	Size		size;
	int			n;
	CsPart	  **parts;
} CsBuilder;

/* A change of an entry in place. */
typedef struct CsFlip
{
	uint64		id;				/* of the part; 0: every one */
	CsPartState from;			/* CS_PART_DEAD: whatever it is */
	CsPartState to;
	uint64		stamp;			/* 0: stays */
	uint64		xid;
	bool		leaves;			/* readers who loaded before must look again */
	uint64		version;		/* only if it is this; 0: any */
	bool		done;
} CsFlip;

/* Several parts as one delta. */
extern void cs_parts_fold(CsBinding *binding, CsPart **parts, int n, CsDelta *delta);

extern void cs_builder_begin(CsBuilder *builder, const CsBinding *binding,
							 const CsDeferred *copy);
extern void cs_builder_keep(CsBuilder *builder, CsPart *part);
extern CsPart *cs_part_new(const CsDelta *delta, uint64 id, CsPartState state);

/* Have it take the place of the entry whose version is 'expected'. */
extern CsSwap cs_builder_put(CsBuilder *builder, const CsKey *key, uint64 expected,
							 bool force);

/* A CsAlterFn; arg is a CsFlip. */
extern CsAlter cs_part_flip(char *value, Size len, void *arg);

#endif							/* CS_PART_H */
