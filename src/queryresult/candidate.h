/*-------------------------------------------------------------------------
 *
 * candidate.h
 *		Statements whose results could be kept if their tables were tracked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CANDIDATE_H
#define CS_CANDIDATE_H

#include "nodes/params.h"

extern bool cs_candidate_sampled(uint64 key);
extern void cs_candidate_note(uint64 key, uint64 values, ParamListInfo params, int64 nanos);

#endif							/* CS_CANDIDATE_H */
