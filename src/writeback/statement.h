/*-------------------------------------------------------------------------
 *
 * statement.h
 *		The SQL statements that write deltas to their table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_STATEMENT_H
#define CS_STATEMENT_H

#include "executor/spi.h"
#include "writeback/apply.h"

/* CsPlan.kind; those below 100 belong to the functions that write by key */
typedef enum CsStatementKind
{
	CS_STATEMENT_UPDATE = 100,	/* returns the numbers of the keys that had a
								 * row */
	CS_STATEMENT_INSERT,		/* or update; returns the keys */
	CS_STATEMENT_LOCK,			/* rows that nobody else holds; numbers */
	CS_STATEMENT_PRESENT		/* rows that there are; numbers */
} CsStatementKind;

/* One array that goes into a statement. */
typedef struct CsStatementParam
{
	int			key;			/* its column of the key; -1: of the delta */
	AttrNumber	attnum;
	CsRule		rule;
	Oid			type;			/* that its values must have */
	Oid			element;		/* the array's: type, or text if type cannot
								 * be unnested */
} CsStatementParam;

typedef struct CsStatement
{
	CsStatementKind kind;
	int			nparams;
	CsStatementParam *params;
	AttrNumber	idle;			/* INSERT with nothing to set: column that is
								 * set to what it is */
	bool		leaves_alone;	/* INSERT: not even that; a row that is there
								 * is neither changed nor returned */
	SPIPlanPtr	plan;
} CsStatement;

extern Bitmapset *cs_statement_columns(const CsBinding *binding, const CsDelta *delta);
extern CsStatement *cs_statement_get(CsBinding *binding, CsStatementKind kind,
									 const Bitmapset *columns);
extern Datum *cs_statement_arrays(CsBinding *binding, const CsStatement *statement,
								  CsApplyItem *const *items, int n);
extern void cs_statement_run(CsBinding *binding, const CsStatement *statement,
							 Datum *arrays);

#endif							/* CS_STATEMENT_H */
