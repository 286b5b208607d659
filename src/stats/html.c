/*-------------------------------------------------------------------------
 *
 * html.c
 *		Rows of a query as HTML.
 *
 * Names of tables and spaces, texts of statements and messages of errors come
 * from all roles that may create or run something.  All text goes through
 * cs_html_text(), which leaves no character that has a meaning in HTML, in an
 * element or in an attribute between double quotes.
 *
 * What comes out is ASCII: other characters are written as numbers.  So the
 * page is the same in every client encoding, and whatever a browser takes the
 * encoding of a file for.
 *
 * A number is shown as people read it.  The attribute data-v has the digits
 * that the query returned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/float.h"

#include "stats/html.h"
#include "stats/human.h"

/* For bytes that are no character, or one that HTML does not allow. */
#define REPLACEMENT	0xFFFD

/* ----- text ----- */

static void
append_character(StringInfo out, pg_wchar c)
{
	if (c == '<')
		appendStringInfoString(out, "&lt;");
	else if (c == '>')
		appendStringInfoString(out, "&gt;");
	else if (c == '&')
		appendStringInfoString(out, "&amp;");
	else if (c == '"')
		appendStringInfoString(out, "&quot;");
	else if (c == '\'')
		appendStringInfoString(out, "&#39;");
	else if ((c >= ' ' && c < 0x7F) || c == '\n' || c == '\t')
		appendStringInfoChar(out, (char) c);
	else if (c == '\r')
		return;
	else if (c < 0xA0)			/* other control characters */
		appendStringInfo(out, "&#%u;", REPLACEMENT);
	else
		appendStringInfo(out, "&#%u;", (unsigned) c);
}

/*
 * Append text in the server's encoding.
 */
void
cs_html_text(StringInfo out, const char *text)
{
	int			len = (int) strlen(text);
	bool		known = GetDatabaseEncoding() != PG_SQL_ASCII;
	const unsigned char *at = (const unsigned char *) text;
	const unsigned char *end;

	if (known)
		at = (const unsigned char *) pg_server_to_any(text, len, PG_UTF8);
	end = at + strlen((const char *) at);
	while (at < end)
	{
		int			n = known ? pg_utf_mblen(at) : 1;

		if (*at < 0x80)
			append_character(out, *at);
		else if (!known || at + n > end)
			append_character(out, REPLACEMENT);
		else
			append_character(out, utf8_to_unicode(at));
		at += n;
	}
}

/* ----- values ----- */

/* The text of a value; NULL: it is.  Rows and columns count from 0. */
char *
cs_html_string(const CsHtmlRows *rows, int row, int column)
{
	return SPI_getvalue(rows->table->vals[row], rows->table->tupdesc, column + 1);
}

/* The value of a number; NaN: it is NULL. */
double
cs_html_number(const CsHtmlRows *rows, int row, int column)
{
	char	   *digits = cs_html_string(rows, row, column);

	return digits == NULL ? get_float8_nan() : strtod(digits, NULL);
}

/*
 * A number as it is shown.
 */
char *
cs_html_human(CsHtmlKind kind, double value)
{
	switch (kind)
	{
		case CS_HTML_BYTES:
		case CS_HTML_BAR:
			return cs_human_bytes(value);
		case CS_HTML_TIME:
			return cs_human_time(value);
		case CS_HTML_RATIO:
			return cs_human_percent(value);
		default:
			return cs_human_count(value);
	}
}

static bool
is_text(CsHtmlKind kind)
{
	return kind == CS_HTML_TEXT || kind == CS_HTML_CODE;
}

static double
largest(const CsHtmlRows *rows, int column)
{
	double		result = 0;

	for (int row = 0; row < rows->n; row++)
	{
		double		value = cs_html_number(rows, row, column);

		if (value > result)
			result = value;
	}
	return result;
}

/* ----- tables ----- */

static void
put_cell(StringInfo out, const CsHtmlRows *rows, int row, int column, CsHtmlKind kind)
{
	char	   *value = cs_html_string(rows, row, column);

	if (value == NULL)
		appendStringInfo(out, "<td%s>&#8211;</td>", is_text(kind) ? "" : " class=\"n\"");
	else if (is_text(kind))
	{
		appendStringInfoString(out, kind == CS_HTML_CODE ? "<td><code>" : "<td>");
		cs_html_text(out, value);
		appendStringInfoString(out, kind == CS_HTML_CODE ? "</code></td>" : "</td>");
	}
	else
	{
		double		number = strtod(value, NULL);

		appendStringInfoString(out, "<td class=\"n\" data-v=\"");
		cs_html_text(out, value);
		appendStringInfo(out, "\">%s", cs_html_human(kind, number));
		if (kind == CS_HTML_BAR)
			appendStringInfo(out, "<div class=\"bar\" style=\"width:%.1f%%\"></div>",
							 100 * number / Max(largest(rows, column), 1));
		appendStringInfoString(out, "</td>");
	}
}

/*
 * Append the rows as a table.
 */
void
cs_html_table(StringInfo out, const CsHtmlRows *rows, const CsHtmlColumn *columns, int ncolumns)
{
	appendStringInfoString(out, "<div class=\"scroll\"><table><thead><tr>");
	for (int i = 0; i < ncolumns; i++)
		appendStringInfo(out, "<th%s>%s</th>", is_text(columns[i].kind) ? "" : " class=\"n\"",
						 columns[i].name);
	appendStringInfoString(out, "</tr></thead>\n<tbody>\n");
	for (int row = 0; row < rows->n; row++)
	{
		appendStringInfoString(out, "<tr>");
		for (int i = 0; i < ncolumns; i++)
			put_cell(out, rows, row, i, columns[i].kind);
		appendStringInfoString(out, "</tr>\n");
	}
	appendStringInfoString(out, "</tbody></table></div>\n");
}

/*
 * Append one row as large numbers with what they are.
 */
void
cs_html_tiles(StringInfo out, const CsHtmlRows *rows, const CsHtmlColumn *columns, int ncolumns)
{
	appendStringInfoString(out, "<dl class=\"tiles\">\n");
	for (int i = 0; rows->n > 0 && i < ncolumns; i++)
	{
		char	   *value = cs_html_string(rows, 0, i);

		appendStringInfo(out, "<div><dt>%s</dt><dd", columns[i].name);
		if (value == NULL)
			appendStringInfoString(out, ">&#8211;");
		else if (is_text(columns[i].kind))
		{
			appendStringInfoChar(out, '>');
			cs_html_text(out, value);
		}
		else
		{
			appendStringInfoString(out, " data-v=\"");
			cs_html_text(out, value);
			appendStringInfo(out, "\">%s", cs_html_human(columns[i].kind, strtod(value, NULL)));
		}
		appendStringInfoString(out, "</dd></div>\n");
	}
	appendStringInfoString(out, "</dl>\n");
}
