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
	CS_STATEMENT_NEW,			/* insert where there is no row; returns the
								 * keys */
	CS_STATEMENT_LOCK,			/* rows that are not locked by others; returns
								 * numbers */
	CS_STATEMENT_PRESENT		/* existing rows; returns numbers */
} CsStatementKind;

/* A parameter of a statement, which is an array. */
typedef struct CsStatementParam
{
	int			key;			/* index of the key column; -1 for a column of
								 * the delta */
	AttrNumber	attnum;
	CsRule		rule;
	Oid			type;			/* that its values must have */
	Oid			element;		/* type of the elements: 'type', or text if
								 * that cannot be unnested */
} CsStatementParam;

typedef struct CsStatement
{
	CsStatementKind kind;
	int			nparams;
	CsStatementParam *params;
	AttrNumber	idle;			/* INSERT with nothing to set: column that is
								 * set to itself */
	bool		leaves_alone;	/* INSERT: not even that; an existing row is
								 * neither changed nor returned */
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
