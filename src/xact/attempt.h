/*-------------------------------------------------------------------------
 *
 * attempt.h
 *		Work that may fail: in a subtransaction, or in a transaction of the
 *		flush worker's, which tries again later.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ATTEMPT_H
#define CS_ATTEMPT_H

#include <signal.h>

#include "datatype/timestamp.h"

/* What has gone wrong lately with one kind of work; begins as zeroes. */
typedef struct CsTrouble
{
	int			delay;			/* ms; 0: the last attempt went well */
	TimestampTz not_before;
	int			code;			/* of what was logged last */
	TimestampTz logged;
} CsTrouble;

typedef void (*CsAttempt) (void *arg);

extern ErrorData *cs_attempt_run(CsAttempt work, void *arg);

extern void cs_attempt_set_options(void);

/* An attempt is under way: a signal that is to end it has to call die(). */
extern volatile sig_atomic_t cs_attempt_busy;
extern ErrorData *cs_attempt_make(CsAttempt work, void *arg, int limit);

/* Did the last attempt exceed its limit? */
extern volatile sig_atomic_t cs_attempt_timed_out;
extern bool cs_attempt_common(CsAttempt work, CsTrouble *t);

/*
 * Log the error, unless the same was logged lately, and have the next attempt
 * come later than the last time.  table: its name; NULL: no single one.
 */
extern void cs_attempt_failed(CsTrouble *t, const char *table, const ErrorData *error);
extern void cs_attempt_went_well(CsTrouble *t);
extern bool cs_attempt_is_too_early(const CsTrouble *t);

#endif							/* CS_ATTEMPT_H */
