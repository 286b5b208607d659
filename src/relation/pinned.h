/*-------------------------------------------------------------------------
 *
 * pinned.h
 *		Settings under which code of a table's owner runs, independent of the
 *		session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PINNED_H
#define CS_PINNED_H

#include "utils/array.h"

/* Allocated in the binding's memory. */
typedef struct CsPinned
{
	int			n;
	struct
	{
		const char *name;
		const char *value;
	}			setting[FLEXIBLE_ARRAY_MEMBER];
} CsPinned;

extern ArrayType *cs_pinned_now(void);
extern const CsPinned *cs_pinned_parse(ArrayType *settings);
extern void cs_pinned_apply(const CsPinned *pinned, const char *table);

#endif							/* CS_PINNED_H */
