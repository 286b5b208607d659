/*-------------------------------------------------------------------------
 *
 * owner.h
 *		Executing code as a table's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_OWNER_H
#define CS_OWNER_H

typedef struct CsAsOwner
{
	Oid			role;
	int			security;
	int			nestlevel;
} CsAsOwner;

extern void cs_owner_begin(CsAsOwner *saved, Oid owner);
extern void cs_owner_begin_loading(CsAsOwner *saved, Oid owner, bool keep_path);
extern void cs_owner_end(const CsAsOwner *saved);

#endif							/* CS_OWNER_H */
