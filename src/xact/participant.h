/*-------------------------------------------------------------------------
 *
 * participant.h
 *		Callbacks of the protocol for modules that keep changes of their own
 *		until the transaction ends: deferred writes, and keys and values. The
 *		ends of subtransactions are reported through subxact_stack.h.
 *
 * They are called in every transaction, in the order of registration, so the
 * case without changes must be cheap.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PARTICIPANT_H
#define CS_PARTICIPANT_H

typedef struct CsParticipant
{
	void		(*before_marks) (void); /* at PRE_COMMIT; may throw, and wait */
	void		(*after_marks) (void);	/* at PRE_COMMIT; may throw */
	void		(*prepare) (void);	/* at PRE_PREPARE; may throw */
	void		(*committed) (void);	/* must not fail, like the next */
	void		(*aborted) (void);
} CsParticipant;

/* Any of the functions may be NULL. */
extern void cs_xact_join(const CsParticipant *participant);

#endif							/* CS_PARTICIPANT_H */
