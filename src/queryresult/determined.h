/*-------------------------------------------------------------------------
 *
 * determined.h
 *		What of a statement's result does not depend on how it is run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DETERMINED_H
#define CS_DETERMINED_H

#include "access/tupdesc.h"
#include "nodes/parsenodes.h"

/*
 * Rows are determined apart from their order.  The columns of ORDER BY are
 * determined row by row.  Of what LIMIT and OFFSET cut, rows that are equal in
 * these columns to the first or the last row could be others.
 */
typedef struct CsDetermined
{
	List	   *order;			/* columns (int), those by which rows are
								 * sorted first */
	bool		first_open;		/* rows that are sorted as the first one is */
	bool		last_open;
} CsDetermined;

extern bool cs_determined_query(const Query *query, CsDetermined *determined);
extern bool cs_determined_columns(TupleDesc columns);

#endif							/* CS_DETERMINED_H */
