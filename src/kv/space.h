/*-------------------------------------------------------------------------
 *
 * space.h
 *		Spaces: who may use which keys, how much memory they get, and how long
 *		they live unless told otherwise.
 *
 * A space is a row of cache.spaces, with its grants in cache.space_grants, or
 * the private one that each role has without any row.  It owns its entries in
 * the store by a slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SPACE_H
#define CS_SPACE_H

typedef enum CsSpaceRight
{
	CS_SPACE_READ,
	CS_SPACE_WRITE
} CsSpaceRight;

typedef struct CsSpace
{
	char		name[NAMEDATALEN];	/* empty: the role's own */
	Oid			id;				/* of the row; of the role */
	bool		own;			/* a role's private one */
	int			slot;			/* its number as an owner in the store */
	uint64		epoch;			/* of the slot: entries of another are dead */
	int64		ttl;			/* microseconds; 0: keys live until removed */
	int64		max_memory;		/* bytes; 0: no limit of its own */
} CsSpace;

extern void cs_space_init(void);

/*
 * The space of this name, or the current role's own (NULL), if the current role
 * has the right; else an error: 42704 when there is no such space, 42501.  The
 * result is good until the next call or the end of the transaction.
 */
extern const CsSpace *cs_space_get(const text *name, CsSpaceRight right);

#endif							/* CS_SPACE_H */
