/*-------------------------------------------------------------------------
 *
 * marks.h
 *		The stripes that the current transaction has marked. Private to this
 *		folder.
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
	int			n;				/* number of marked ones */
	int			max;
} CsMarks;

extern CsMarks cs_marks;
extern void cs_marks_collect(void);
extern void cs_marks_set(void);
extern void cs_marks_add(uint32 stripe);
extern CsMark *cs_marks_find(uint32 stripe);

#endif							/* CS_MARKS_H */
