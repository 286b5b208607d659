/*-------------------------------------------------------------------------
 *
 * marks.h
 *		The stripes that the current transaction has marked.  Private to the
 *		txn layer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_MARKS_H
#define CS_MARKS_H

typedef struct CsMark
{
	uint32		stripe;
	uint64		version;		/* after our mark */
} CsMark;

typedef struct CsMarks
{
	CsMark	   *mark;			/* sorted by stripe up to nsorted */
	int			nsorted;
	int			n;				/* marked */
	int			max;
} CsMarks;

extern CsMarks cs_marks;

/* List the stripes of all pending keys, each once, without marking them yet. */
extern void cs_marks_collect(void);

/* Mark those; cannot fail, so that n always says what ABORT has to take back. */
extern void cs_marks_set(void);

/* Mark one more. */
extern void cs_marks_add(uint32 stripe);

/* NULL: this stripe is not marked. */
extern CsMark *cs_marks_find(uint32 stripe);

#endif							/* CS_MARKS_H */
