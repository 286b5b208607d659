/*-------------------------------------------------------------------------
 *
 * pinned.h
 *		Settings that code of a table's owner runs with, whoever causes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PINNED_H
#define CS_PINNED_H

#include "utils/array.h"

/* In a binding's memory. */
typedef struct CsPinned
{
	int			n;
	struct
	{
		const char *name;
		const char *value;
	}			setting[FLEXIBLE_ARRAY_MEMBER];
} CsPinned;

/* The present values, as text[] of name=value. */
extern ArrayType *cs_pinned_now(void);

/* Take such an array apart; NULL is none. */
extern const CsPinned *cs_pinned_parse(ArrayType *settings);

/* Have them in force until the end of the GUC nest level of the caller. */
extern void cs_pinned_apply(const CsPinned *pinned, const char *table);

#endif							/* CS_PINNED_H */
