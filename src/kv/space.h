/*-------------------------------------------------------------------------
 *
 * space.h
 *		Spaces: which role may use which keys, how much memory they get, and
 *		how long they live by default.
 *
 * A space is a row of cache.spaces, with its grants in cache.space_grants, or
 * the own space that each role has without any row.  A space owns its entries
 * in the store through a slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SPACE_H
#define CS_SPACE_H

#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "store/slot.h"

typedef enum CsSpaceRight
{
	CS_SPACE_READ,
	CS_SPACE_WRITE
} CsSpaceRight;

typedef struct CsSpace
{
	char		name[NAMEDATALEN];	/* empty for a role's own space */
	Oid			id;				/* of the row, or of the role */
	Oid			owner;
	bool		own;			/* true for a role's own space */
	int			slot;			/* owner number in the store; -1 if it has no
								 * slot, and so no entries */
	CsSlotDenial denial;		/* reason why it has no slot */
	uint64		epoch;			/* of the slot; entries of other epochs are
								 * dead */
	int64		ttl;			/* microseconds; 0 if keys live until removed */
	int64		max_memory;		/* bytes; 0 if there is no limit of its own */
} CsSpace;

extern void cs_space_init(void);
extern const CsSpace *cs_space_get(const text *name, CsSpaceRight right);
extern const CsSpace *cs_space_get_with_slot(const text *name);
extern bool cs_space_may(const text *name, CsSpaceRight right);
extern List *cs_space_list(bool all);
extern Oid	cs_space_catalog(void);
extern void cs_space_lock_exclusive(Oid id);

/* for the trigger of cache.spaces */

extern void cs_space_changed(void);

/* for the files of this folder */

extern void cs_space_lock_tag(LOCKTAG *tag, Oid database, bool own, Oid id, uint32 hash);
extern void cs_space_lock_whole(Oid database, bool own, Oid id);
extern void cs_space_check_slot(const CsSpace *space);
cs_noreturn extern void cs_space_dropped_error(const CsSpace *space);

#endif							/* CS_SPACE_H */
