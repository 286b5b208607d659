/*-------------------------------------------------------------------------
 *
 * advise_cost.h
 *		What reading a table by key costs here, and what a cached read would.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ADVISE_COST_H
#define CS_ADVISE_COST_H

/* In microseconds, of one read or write. */
typedef struct CsAdviseCost
{
	bool		measured;		/* the table has rows that could be read */
	double		direct;			/* the SELECT */
	double		hit;
	double		miss;
	double		change;			/* what a changed row costs more */
	double		publish;		/* the same under write_through */
	double		row_bytes;		/* a cached row, on average */
} CsAdviseCost;

extern void cs_advise_cost_measure(Oid relid, double disk_share, CsAdviseCost *cost);

#endif							/* CS_ADVISE_COST_H */
