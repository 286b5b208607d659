/*-------------------------------------------------------------------------
 *
 * meter.h
 *		What one run of a plain statement takes.
 *
 *		begin		before a result is looked for
 *		hit			there is one; its last row was returned
 *		run			there is none: the statement is run
 *		copy, copied	around a row's copying
 *		computed	the last row has come
 *		end			what became of the result
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_METER_H
#define CS_METER_H

#include "queryresult/tally.h"

/* A test says how long something takes, in microseconds. */
#ifdef CS_TEST_POINTS
#define CS_METER_SAID(us, nanos)	((us) >= 0 ? (us) * INT64CONST(1000) : (nanos))
#else
#define CS_METER_SAID(us, nanos)	(nanos)
#endif

typedef struct CsMeter
{
	uint64		key;			/* of the shape; 0: nothing is counted */
	bool		counted;
	bool		timed;
	int64		began;
	int64		looked;			/* time when looking was over */
	int64		ended;			/* time of the last row */
	int64		rows;
	int64		copying;		/* a copy that is timed began then, or 0 */
	int64		spent;			/* on copies, by those that were timed */
} CsMeter;

extern void cs_meter_begin(CsMeter *meter, uint64 key, bool timed);
extern void cs_meter_interrupt(CsMeter *meter);
extern void cs_meter_bypass(CsMeter *meter, CsTallyCount why);
extern void cs_meter_hit(CsMeter *meter, int64 cost);
extern void cs_meter_run(CsMeter *meter);
extern void cs_meter_copy(CsMeter *meter);
extern void cs_meter_copied(CsMeter *meter);
extern int64 cs_meter_computed(CsMeter *meter);
extern void cs_meter_end(CsMeter *meter, CsTallyCount how);

#endif							/* CS_METER_H */
