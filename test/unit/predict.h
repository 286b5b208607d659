/*-------------------------------------------------------------------------
 *
 * predict.h
 *		What the miniatures predict, against stores of the sizes that they stand
 *		for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PREDICT_H
#define CS_PREDICT_H

#include "store/miniature.h"

typedef struct Prediction
{
	double		measured;		/* hit ratio of a store of that size */
	double		predicted;		/* by a store of the present size */
} Prediction;

/* Requests, by number of the key; and the size of each key's value. */
typedef struct Requested
{
	uint32		n;
	const uint32 *key;
	const uint32 *size;
} Requested;

extern void predict(const Requested *requests, int memory_mb, Prediction *result,
					CsSamples * samples);

#endif							/* CS_PREDICT_H */
