/*-------------------------------------------------------------------------
 *
 * commit.h
 *		Making the keys that a transaction has changed valid.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_COMMIT_H
#define CS_COMMIT_H

#include "kv/space.h"

extern void cs_commit_init(void);
extern void cs_commit_check_open(void);

cs_noreturn extern void cs_commit_no_room_error(const CsSpace *space, const char *message);
extern void cs_commit_note_notify(void);

#endif							/* CS_COMMIT_H */
