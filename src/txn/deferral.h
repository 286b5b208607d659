/*-------------------------------------------------------------------------
 *
 * deferral.h
 *		Where the protocol calls those who keep deferred writes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_DEFERRAL_H
#define CS_DEFERRAL_H

typedef struct CsDeferralHooks
{
	void		(*before_marks) (void); /* PRE_COMMIT; may fail, and wait */
	void		(*after_marks) (void);	/* PRE_COMMIT; may fail */
	void		(*prepare) (void);	/* PRE_PREPARE; may fail */
	void		(*committed) (void);	/* must not fail, like all below */
	void		(*aborted) (void);
	void		(*subcommitted) (SubTransactionId sub, SubTransactionId parent);
	void		(*subaborted) (SubTransactionId sub);
} CsDeferralHooks;

extern const CsDeferralHooks *cs_txn_deferral;

#endif							/* CS_DEFERRAL_H */
