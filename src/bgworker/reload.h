/*-------------------------------------------------------------------------
 *
 * reload.h
 *		Loading saved keys after a start, round by round.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_RELOAD_H
#define CS_RELOAD_H

#include "bgworker/rounds.h"

/* In the launcher. */
extern void cs_reload_start(void);
extern bool cs_reload_is_pending(void);
extern Oid	cs_reload_next(CsRound *round);
extern void cs_reload_skip(void);
extern void cs_reload_ended(const CsRound *round);

/* Found by name; the argument is the database. */
extern PGDLLEXPORT void cs_reload_main(Datum arg);

#endif							/* CS_RELOAD_H */
