/*-------------------------------------------------------------------------
 *
 * batch.h
 *		Many keys of one table, answered together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_BATCH_H
#define CS_BATCH_H

#include "rowcache/access.h"

/* The int arrays are lists of indexes of keys. */
typedef struct CsBatch
{
	int			n;
	CsRowKey   *keys;			/* contain pointers into themselves, so they
								 * must not be moved */
	CsAnswer   *answers;
	int		   *missed;
	int			nmissed;
	CsToken    *tokens;			/* of the missed keys */
	int		   *direct;			/* the caller has to read these under its own
								 * snapshot */
	int			ndirect;
} CsBatch;

extern CsBatch *cs_batch_create(int n);
extern bool cs_batch_answer(CsAccess *access, CsBatch *batch);

#endif							/* CS_BATCH_H */
