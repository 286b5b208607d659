/*-------------------------------------------------------------------------
 *
 * owner.h
 *		Doing something as a table's owner.
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

/*
 * In a security-restricted operation, with a search_path in which no other
 * role can put anything.  An error that is thrown in between undoes it with the
 * (sub)transaction.
 */
extern void cs_owner_begin(CsAsOwner *saved, Oid owner);
extern void cs_owner_end(const CsAsOwner *saved);

#endif							/* CS_OWNER_H */
