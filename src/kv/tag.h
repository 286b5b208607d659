/*-------------------------------------------------------------------------
 *
 * tag.h
 *		Tags: a property shared by many values, by which they can be dropped at
 *		once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TAG_H
#define CS_TAG_H

#include "kv/kv.h"

extern void cs_tag_get(const CsSpace *space, char kind, const char *name, Size len,
					   CsKvTag *tag);
extern bool cs_tag_try(const CsSpace *space, char kind, const char *name, Size len,
					   CsKvTag *tag);
extern bool cs_tag_all_hold(const CsSpace *space, const CsKvTag *tags, int ntags);
extern bool cs_tag_any_changed(const CsSpace *space, const CsKvTag *tags, int ntags);
extern bool cs_tag_invalidate(const CsSpace *space, char kind, const char *name,
							  Size len, bool immediate);

#endif							/* CS_TAG_H */
