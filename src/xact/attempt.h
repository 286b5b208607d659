/*-------------------------------------------------------------------------
 *
 * attempt.h
 *		Work that may fail: in a subtransaction, or in a transaction of the
 *		flush worker, which tries again later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ATTEMPT_H
#define CS_ATTEMPT_H

#include <signal.h>

#include "datatype/timestamp.h"

/* Recent failures of one kind of work.  Initialized with zeroes. */
typedef struct CsTrouble
{
	int			delay;			/* milliseconds; 0 if the last attempt
								 * succeeded */
	TimestampTz not_before;
	int			code;			/* SQLSTATE that was logged last */
	TimestampTz logged;
} CsTrouble;

typedef void (*CsAttempt) (void *arg);

extern ErrorData *cs_attempt_run(CsAttempt work, void *arg);

extern void cs_attempt_set_options(void);

/* An attempt is in progress: a signal that is to end it must call die(). */
extern volatile sig_atomic_t cs_attempt_busy;
extern ErrorData *cs_attempt_make(CsAttempt work, void *arg, int limit);

/* Whether the last attempt exceeded its limit. */
extern volatile sig_atomic_t cs_attempt_timed_out;
extern bool cs_attempt_common(CsAttempt work, CsTrouble *t);

extern void cs_attempt_failed(CsTrouble *t, const char *table, const ErrorData *error);
extern void cs_attempt_went_well(CsTrouble *t);
extern bool cs_attempt_is_too_early(const CsTrouble *t);

#endif							/* CS_ATTEMPT_H */
