/*-------------------------------------------------------------------------
 *
 * identity.h
 *		Identity of a table: its name and columns when a statement that names
 *		it by its row type was last analysed in this session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_IDENTITY_H
#define CS_IDENTITY_H

#include "access/tupdesc.h"
#include "compat.h"

typedef enum CsIdentity
{
	CS_IDENTITY_UNKNOWN,		/* no statement has named it */
	CS_IDENTITY_SAME,
	CS_IDENTITY_EXTENDED,		/* the same columns, and more */
	CS_IDENTITY_OTHER			/* renamed, moved, other columns, or gone */
} CsIdentity;

extern void cs_identity_note(Oid relid);
extern CsIdentity cs_identity_compare(Oid relid);
extern Oid	cs_identity_successor(Oid relid);
extern bool cs_identity_is_like(Oid relid, Oid noted);

cs_noreturn extern void cs_identity_error(Oid relid);

extern uint64 cs_identity_time(void);
extern bool cs_identity_news_since(Oid relid, uint64 time);
extern bool cs_identity_was_same(Oid relid, uint64 time);
extern void cs_identity_changed(Oid relid);

#endif							/* CS_IDENTITY_H */
