/*-------------------------------------------------------------------------
 *
 * place.h
 *		Which columns of a table are watched: four places beside its slot, and
 *		the word for changes of the table as a whole.
 *
 * A place's word holds two things that must be read together:
 *
 *		column		attribute number; 0: none.  Writers note the values of a
 *					column that is published here
 *		generation	moves when the place is given to a column, so that a
 *					column that was watched, was not, and is watched again is
 *					told from one that was watched throughout
 *
 * and beside it
 *
 *		since		the newest xid when it was published: older writers may
 *					have looked at the places too early, and noted nothing
 *		unsettled	the same, until it is known that none of them is under
 *					way; then 0
 *		used		when a result needed it last
 *
 * The word for the whole table has version and writers, like a watch word; a
 * session that watches a value watches this too.  It is marked by TRUNCATE,
 * DDL, and changes of too many values, not by each change.
 *
 * All of these are atomic.  A place gets another column, and is settled, under
 * the slots lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLACE_H
#define CS_PLACE_H

#include "access/attnum.h"
#include "datatype/timestamp.h"

#define CS_N_PLACES		4

#define CS_PLACE_COLUMN_BITS	16
#define cs_place_column(word)	((AttrNumber) ((word) & ((1 << CS_PLACE_COLUMN_BITS) - 1)))

extern Size cs_place_shmem_size(void);
extern void cs_place_shmem_init(void);

/*
 * The slot goes to another table, under the slots lock; up to 'newest' writers
 * may not know.
 */
extern void cs_place_reset(int slot, uint64 newest);

extern uint64 cs_place_read(int slot, int place);

/* The place of a column, and its word; -1: it has none. */
extern int	cs_place_find(int slot, AttrNumber column, uint64 *word);

/* After the word. */
extern uint64 cs_place_since(int slot, int place);
extern uint64 cs_place_unsettled(int slot, int place);

/*
 * A place that is free, or has not been used since 'idle'; -1: none.  Under
 * the slots lock, as the next two.
 */
extern int	cs_place_vacant(int slot, TimestampTz idle);
extern void cs_place_publish(int slot, int place, AttrNumber column, TimestampTz now);

/* No older writer is under way any more; if the place is still this one's. */
extern void cs_place_settle(int slot, int place, uint64 word);

/* A result has needed it. */
extern void cs_place_use(int slot, int place, TimestampTz now);

/* Changes of the whole table. */
extern uint64 cs_place_whole(int slot);
extern uint64 cs_place_whole_prepared_xid(int slot);
extern uint64 cs_place_whole_last_xid(int slot);
extern void cs_place_raise_whole_last_xid(int slot, uint64 xid);
extern void cs_place_mark_whole(int slot);
extern void cs_place_unmark_whole(int slot);
extern void cs_place_prepared_whole(int slot, uint64 xid);

#endif							/* CS_PLACE_H */
