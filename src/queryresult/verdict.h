/*-------------------------------------------------------------------------
 *
 * verdict.h
 *		Is the result of a statement kept, and if not, why?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_VERDICT_H
#define CS_VERDICT_H

#include "nodes/parsenodes.h"

#include "queryresult/plan_result.h"

/* The one statement of the text, rewritten; NULL: a rule made more of it. */
extern Query *cs_verdict_statement(const char *text);

/*
 * Plan the statement and say what was found.  Terms that are given are those
 * of a declaration.
 */
extern void cs_verdict_find(const char *text, CsVerdict *verdict);

#endif							/* CS_VERDICT_H */
