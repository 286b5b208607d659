/*-------------------------------------------------------------------------
 *
 * chart.h
 *		Charts as SVG.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_CHART_H
#define CS_CHART_H

#include "lib/stringinfo.h"

#include "stats/html.h"

/* A line.  A value that is NaN makes a gap. */
typedef struct CsChartLine
{
	const char *title;			/* for those that cannot see it; in HTML */
	CsHtmlKind	kind;			/* of the values */
	double		least_top;		/* the axis reaches so far at least */
	int			n;
	const double *x;			/* ascending; seconds since 1970 if labels is
								 * NULL */
	const double *y;
	char	  **labels;			/* of the points, which are marked then */
} CsChartLine;

/* Buckets of a histogram, over a logarithmic axis of milliseconds. */
typedef struct CsChartHistogram
{
	const char *title;
	int			n;
	const double *below;		/* ascending; infinity for the last one */
	const double *count;
	double		p50;			/* these two are marked */
	double		p99;
} CsChartHistogram;

extern void cs_chart_line(StringInfo out, const CsChartLine *chart);
extern void cs_chart_histogram(StringInfo out, const CsChartHistogram *chart);

#endif							/* CS_CHART_H */
