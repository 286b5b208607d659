/*-------------------------------------------------------------------------
 *
 * participant.h
 *		Where the protocol calls those who keep changes of their own until the
 *		transaction ends: deferred writes, keys and values.  The end of a
 *		subtransaction is told by subxact_stack.h.
 *
 * They are called in every transaction, in the order in which they joined, so
 * having nothing to do must cost nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PARTICIPANT_H
#define CS_PARTICIPANT_H

typedef struct CsParticipant
{
	void		(*before_marks) (void); /* PRE_COMMIT; may fail, and wait */
	void		(*after_marks) (void);	/* PRE_COMMIT; may fail */
	void		(*prepare) (void);	/* PRE_PREPARE; may fail */
	void		(*committed) (void);	/* must not fail, like all below */
	void		(*aborted) (void);
} CsParticipant;

/* Any of the functions may be NULL. */
extern void cs_xact_join(const CsParticipant *participant);

#endif							/* CS_PARTICIPANT_H */
