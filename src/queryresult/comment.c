/*-------------------------------------------------------------------------
 *
 * comment.c
 *		What a comment at the beginning or end of a statement says of its
 *		result.
 *
 *		SELECT ... / * cache ttl=60s max_age=10s * /
 *		SELECT ... / *action='list',cache='true',cache_ttl='60s'* /
 *
 * (without the spaces).  Items are separated by spaces or commas, and values
 * may be quoted, as sqlcommenter does it.  A comment that does not begin with
 * "cache", nor has that with a value, says nothing of results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "utils/guc.h"

#include "queryresult/comment.h"

static bool
is_space(char c)
{
	return isspace((unsigned char) c);
}

static bool
is_separator(char c)
{
	return is_space(c) || c == ',';
}

/* ----- items ----- */

typedef struct CommentItem
{
	char		name[32];
	char		value[64];		/* empty: none */
} CommentItem;

static void
copy_part(char *to, Size size, const char *from, const char *end)
{
	Size		len = Min(end - from, size - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

/* The next one; false: there is none. */
static bool
next_item(const char **place, const char *end, CommentItem *item)
{
	const char *p = *place;
	const char *begin;

	while (p < end && is_separator(*p))
		p++;
	begin = p;
	while (p < end && !is_separator(*p) && *p != '=')
		p++;
	copy_part(item->name, sizeof(item->name), begin, p);
	item->value[0] = '\0';
	if (p < end && *p == '=')
	{
		char		quote = p + 1 < end && (p[1] == '\'' || p[1] == '"') ? p[1] : '\0';

		begin = p += quote != '\0' ? 2 : 1;
		while (p < end && (quote != '\0' ? *p != quote : !is_separator(*p)))
			p++;
		copy_part(item->value, sizeof(item->value), begin, p);
		if (p < end && quote != '\0')
			p++;
	}
	*place = p;
	return item->name[0] != '\0' || item->value[0] != '\0';
}

/* A span such as 60s, 10min or 500ms; without a unit they are seconds. */
static bool
read_span(const char *value, int64 *usecs)
{
	double		seconds;
	const char *hint;

	if (!parse_real(value, &seconds, GUC_UNIT_S, &hint) || isnan(seconds) ||
		seconds <= 0 || seconds > 100.0 * 366 * 86400)
		return false;
	*usecs = (int64) (seconds * 1000000);
	return *usecs > 0;
}

static bool
is_option(const char *name, const char *option)
{
	return strcmp(name, option) == 0 ||
		(strncmp(name, "cache_", 6) == 0 && strcmp(name + 6, option) == 0);
}

static bool
is_no(const char *value)
{
	return strcmp(value, "off") == 0 || strcmp(value, "false") == 0 ||
		strcmp(value, "no") == 0 || strcmp(value, "0") == 0;
}

/* Does it begin with the item "cache", or give that a value? */
static bool
is_ours(const char *begin, const char *end)
{
	CommentItem item;

	for (bool first = true; next_item(&begin, end, &item); first = false)
		if (strcmp(item.name, "cache") == 0 && (first || item.value[0] != '\0'))
			return !is_no(item.value);
	return false;
}

static void
read_comment(const char *begin, const char *end, CsStatementTerms *terms, const char **fault)
{
	CommentItem item;

	if (!is_ours(begin, end))
		return;
	terms->declared = true;
	while (next_item(&begin, end, &item))
	{
		if (is_option(item.name, "ttl"))
		{
			if (!read_span(item.value, &terms->ttl))
				*fault = "The \"ttl\" of its comment is not a time such as 60s.";
		}
		else if (is_option(item.name, "max_age") && !read_span(item.value, &terms->max_age))
			*fault = "The \"max_age\" of its comment is not a time such as 10s.";
	}
}

/* ----- comments ----- */

/* The comment that begins here, without its marks; false: there is none. */
static bool
leading_comment(const char *begin, const char *end, const char **close)
{
	if (end - begin < 4 || begin[0] != '/' || begin[1] != '*')
		return false;
	for (const char *p = begin + 2; p + 1 < end; p++)
		if (p[0] == '*' && p[1] == '/')
		{
			*close = p;
			return true;
		}
	return false;
}

/* The comment that ends here. */
static bool
trailing_comment(const char *begin, const char *end, const char **open)
{
	if (end - begin < 4 || end[-1] != '/' || end[-2] != '*')
		return false;
	for (const char *p = end - 4; p >= begin; p--)
		if (p[0] == '/' && p[1] == '*')
		{
			*open = p;
			return true;
		}
	return false;
}

static const char *
skip_back(const char *begin, const char *end)
{
	while (end > begin && is_space(end[-1]))
		end--;
	return end;
}

/* Those at the end of the text from 'begin' to 'end'. */
static void
read_trailing(const char *begin, const char *end, CsStatementTerms *terms, const char **fault)
{
	const char *open;

	for (end = skip_back(begin, end); trailing_comment(begin, end, &open);
		 end = skip_back(begin, open))
		read_comment(open + 2, end - 2, terms, fault);
}

static void
read_leading(const char *begin, const char *end, CsStatementTerms *terms, const char **fault)
{
	const char *close;

	for (;;)
	{
		while (begin < end && is_space(*begin))
			begin++;
		if (!leading_comment(begin, end, &close))
			return;
		read_comment(begin + 2, close, terms, fault);
		begin = close + 2;
	}
}

/* ----- is it one statement? ----- */

/* After what begins with this quote; a backslash means nothing here. */
static const char *
skip_quoted(const char *p, const char *end)
{
	char		quote = *p++;

	while (p < end && *p != quote)
		p++;
	return p < end ? p + 1 : end;
}

static const char *
skip_comment(const char *p, const char *end)
{
	const char *close;

	if (p[0] == '-')
	{
		while (p < end && *p != '\n')
			p++;
		return p;
	}
	return leading_comment(p, end, &close) ? close + 2 : end;
}

/*
 * Is there a semicolon that ends a statement?  Where a dollar quote or a
 * backslash in a string misleads, the answer is that there is one.
 */
static bool
has_semicolon(const char *begin, const char *end)
{
	const char *p = begin;

	if (memchr(begin, ';', end - begin) == NULL)
		return false;
	while (p < end)
	{
		if (*p == ';')
			return true;
		if (*p == '\'' || *p == '"')
			p = skip_quoted(p, end);
		else if (p + 1 < end && ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*')))
			p = skip_comment(p, end);
		else
			p++;
	}
	return false;
}

void
cs_comment_read(const char *text, int location, int len, CsStatementTerms *terms,
				const char **fault)
{
	const char *begin;
	const char *end;

	*fault = NULL;
	if (text == NULL)
		return;
	begin = text +Max(location, 0);

	end = len > 0 ? begin + len : begin + strlen(begin);
	end = skip_back(begin, end);
	while (end > begin && end[-1] == ';')
		end = skip_back(begin, end - 1);
	/* which of several statements a part of one is from is not known */
	if (location <= 0 && len <= 0 && has_semicolon(begin, end))
		return;
	/* some versions begin a statement after its comments */
	read_trailing(text, begin, terms, fault);
	read_leading(begin, end, terms, fault);
	read_trailing(begin, end, terms, fault);
}
