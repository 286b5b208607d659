/*-------------------------------------------------------------------------
 *
 * comment.h
 *		What a comment at the beginning or end of a statement says of its
 *		result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMMENT_H
#define CS_COMMENT_H

/* How the result of a plain statement is to be kept. */
typedef struct CsStatementTerms
{
	bool		declared;		/* it is to be */
	int64		ttl;			/* microseconds; 0: until a table changes */
	int64		max_age;		/* how old it may be, microseconds; 0: it is
								 * exact */
} CsStatementTerms;

/*
 * Read the comments of a statement: the 'len' bytes at 'location' of the text
 * (-1 and 0: all, or the rest).  'fault' is set if one is of ours and cannot
 * be understood, else NULL.
 */
extern void cs_comment_read(const char *text, int location, int len,
							CsStatementTerms *terms, const char **fault);

#endif							/* CS_COMMENT_H */
