/*-------------------------------------------------------------------------
 *
 * html.h
 *		Rows of a query as HTML.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_HTML_H
#define CS_HTML_H

#include "executor/spi.h"
#include "lib/stringinfo.h"

/* How the values of a column are shown. */
typedef enum CsHtmlKind
{
	CS_HTML_TEXT,
	CS_HTML_CODE,				/* a statement */
	CS_HTML_COUNT,
	CS_HTML_BYTES,
	CS_HTML_BAR,				/* bytes, with a bar as long as their part of
								 * the largest */
	CS_HTML_TIME,				/* milliseconds */
	CS_HTML_RATIO				/* a part of 1 */
} CsHtmlKind;

typedef struct CsHtmlColumn
{
	const char *name;			/* in HTML */
	CsHtmlKind	kind;
} CsHtmlColumn;

/* What a query has returned. */
typedef struct CsHtmlRows
{
	SPITupleTable *table;
	int			n;
} CsHtmlRows;

extern void cs_html_text(StringInfo out, const char *text);
extern char *cs_html_string(const CsHtmlRows *rows, int row, int column);
extern double cs_html_number(const CsHtmlRows *rows, int row, int column);
extern char *cs_html_human(CsHtmlKind kind, double value);
extern void cs_html_table(StringInfo out, const CsHtmlRows *rows,
						  const CsHtmlColumn *columns, int ncolumns);
extern void cs_html_tiles(StringInfo out, const CsHtmlRows *rows,
						  const CsHtmlColumn *columns, int ncolumns);

#endif							/* CS_HTML_H */
