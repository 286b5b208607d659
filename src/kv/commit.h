/*-------------------------------------------------------------------------
 *
 * commit.h
 *		How the keys that a transaction has changed become valid.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMMIT_H
#define CS_COMMIT_H

#include "kv/space.h"

extern void cs_commit_init(void);

/* An error if it is too late for changes in this transaction. */
extern void cs_commit_check_open(void);

cs_noreturn extern void cs_commit_no_room_error(const CsSpace *space, const char *message);

/* This session may have sent notifications, now or before. */
extern void cs_commit_note_notify(void);

#endif							/* CS_COMMIT_H */
