/*-------------------------------------------------------------------------
 *
 * chart.c
 *		Charts as SVG, with axes: a line over time or over given points, and
 *		a histogram over a logarithmic axis.
 *
 * Coordinates are those of the chart's viewBox; the browser scales it to the
 * width that there is.  Colours are of the page's style sheet (report_page.c),
 * so that they follow light and dark.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "pgtime.h"

#include "stats/chart.h"
#include "stats/human.h"

/* The inside of a chart's frame. */
typedef struct Frame
{
	double		left,
				right,
				top,
				bottom;
} Frame;

/* An axis from one value to another, at two coordinates. */
typedef struct Axis
{
	double		from,
				to;
	double		at_from,
				at_to;
} Axis;

#define LINE_WIDTH		720
#define LINE_HEIGHT		220
#define HISTOGRAM_WIDTH	340
#define HISTOGRAM_HEIGHT 130

static const Frame line_frame = {72, LINE_WIDTH - 30, 12, LINE_HEIGHT - 30};
static const Frame histogram_frame = {10, HISTOGRAM_WIDTH - 10, 12, HISTOGRAM_HEIGHT - 24};

static double
place(const Axis *axis, double value)
{
	return axis->at_from + (value - axis->from) / (axis->to - axis->from) *
		(axis->at_to - axis->at_from);
}

static void
begin_svg(StringInfo out, const char *title, int width, int height)
{
	appendStringInfo(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
					 width, height, title);
}

static void
end_svg(StringInfo out)
{
	appendStringInfoString(out, "</svg>\n");
}

static void
put_rule(StringInfo out, const char *class, double x1, double y1, double x2, double y2)
{
	appendStringInfo(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
					 class, x1, y1, x2, y2);
}

static void
put_label(StringInfo out, const char *class, double x, double y, const char *text)
{
	appendStringInfo(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
					 class, x, y, text);
}

/* ----- the axis of values ----- */

/* 1, 2 or 5 times a power of ten: divides the range into 5 parts at most. */
static double
round_step(double range)
{
	double		power = pow(10, floor(log10(range / 5)));

	for (;; power *= 10)
	{
		if (power * 5 >= range)
			return power;
		if (power * 2 * 5 >= range)
			return power * 2;
		if (power * 5 * 5 >= range)
			return power * 5;
	}
}

/* The distance of two lines on an axis to 'top'. */
static double
value_step(CsHtmlKind kind, double top)
{
	double		unit = 1;

	if (kind == CS_HTML_RATIO)
		return top / 4;
	if (kind == CS_HTML_BYTES)
		while (top / unit >= 1024)
			unit *= 1024;
	return Max(round_step(top / unit) * unit, 1);
}

static char *
value_label(CsHtmlKind kind, double value)
{
	if (kind == CS_HTML_RATIO)
		return psprintf("%.0f %%", 100 * value);
	if (kind == CS_HTML_BYTES)
		return value == 0 ? "0" : cs_human_bytes(value);
	if (value >= 1e9)
		return psprintf("%g G", value / 1e9);
	if (value >= 1e6)
		return psprintf("%g M", value / 1e6);
	return cs_human_count(value);
}

/*
 * Draw the axis, with a line and a label for each step.
 */
static Axis
put_values(StringInfo out, const CsChartLine *chart, const Frame *frame)
{
	Axis		axis = {0, chart->least_top, frame->bottom, frame->top};
	double		step;

	for (int i = 0; i < chart->n; i++)
		if (chart->y[i] > axis.to)
			axis.to = chart->y[i];
	step = value_step(chart->kind, axis.to);
	axis.to = ceil(axis.to / step - 1e-9) * step;
	for (int i = 0; i * step <= axis.to + step / 2; i++)
	{
		double		y = place(&axis, i * step);

		put_rule(out, i == 0 ? "axis" : "grid", frame->left, y, frame->right, y);
		put_label(out, "y", frame->left - 8, y + 4, value_label(chart->kind, i * step));
	}
	return axis;
}

/* ----- the axis of time ----- */

/* Distances of two marks, in seconds. */
static const int time_steps[] = {
	1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400
};

static int
time_step(double seconds)
{
	for (int i = 0; i < lengthof(time_steps); i++)
		if (seconds / time_steps[i] <= 8)
			return time_steps[i];
	return (int) Max(seconds / 8, time_steps[lengthof(time_steps) - 1]);
}

/* A time of day in the session's time zone. */
static char *
time_label(double seconds, int step)
{
	pg_time_t	time = (pg_time_t) seconds;
	struct pg_tm *tm = pg_localtime(&time, session_timezone);

	if (tm == NULL)
		return "";
	return step < 60 ? psprintf("%02d:%02d:%02d", tm->tm_hour, tm->tm_min, tm->tm_sec) :
		psprintf("%02d:%02d", tm->tm_hour, tm->tm_min);
}

static void
put_times(StringInfo out, const Axis *axis, const Frame *frame)
{
	int			step = time_step(axis->to - axis->from);

	for (double at = ceil(axis->from / step) * step; at <= axis->to; at += step)
	{
		double		x = place(axis, at);

		put_rule(out, "tick", x, frame->bottom, x, frame->bottom + 4);
		put_label(out, "x", x, frame->bottom + 18, time_label(at, step));
	}
}

/* ----- lines ----- */

static void
put_points(StringInfo out, const CsChartLine *chart, const Axis *x, const Axis *y,
		   const Frame *frame)
{
	for (int i = 0; i < chart->n; i++)
	{
		double		at = place(x, chart->x[i]);
		double		height = place(y, chart->y[i]);

		put_rule(out, "tick", at, frame->bottom, at, frame->bottom + 4);
		put_label(out, "x", at, frame->bottom + 18, chart->labels[i]);
		if (isnan(chart->y[i]))
			continue;
		appendStringInfo(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", at, height);
		/* below the point, where there is no room above it */
		put_label(out, "point", at, height < frame->top + 16 ? height + 20 : height - 9,
				  cs_html_human(chart->kind, chart->y[i]));
	}
}

static bool
is_gap(const CsChartLine *chart, int i)
{
	return i < 0 || i >= chart->n || isnan(chart->y[i]);
}

/*
 * Draw the line itself.
 */
static void
put_path(StringInfo out, const CsChartLine *chart, const Axis *x, const Axis *y)
{
	appendStringInfoString(out, "<path class=\"line\" d=\"");
	for (int i = 0; i < chart->n; i++)
	{
		double		to_x = place(x, chart->x[i]);
		double		to_y = place(y, chart->y[i]);

		if (is_gap(chart, i))
			continue;
		if (is_gap(chart, i - 1))
			appendStringInfo(out, "M%.1f %.1f", to_x, to_y);
		appendStringInfo(out, "L%.1f %.1f", to_x, to_y);
	}
	appendStringInfoString(out, "\"/>\n");
}

/*
 * Draw a dot for each point between gaps, of which the line shows nothing.
 */
static void
put_dots(StringInfo out, const CsChartLine *chart, const Axis *x, const Axis *y)
{
	for (int i = 0; i < chart->n; i++)
		if (!is_gap(chart, i) && is_gap(chart, i - 1) && is_gap(chart, i + 1))
			appendStringInfo(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>\n",
							 place(x, chart->x[i]), place(y, chart->y[i]));
}

/*
 * Append a line; there is at least one point.
 */
void
cs_chart_line(StringInfo out, const CsChartLine *chart)
{
	const Frame *frame = &line_frame;
	double		margin = chart->labels != NULL ? 40 : 0;
	Axis		x = {chart->x[0], chart->x[chart->n - 1], frame->left + margin, frame->right - margin};
	Axis		y;

	if (x.to <= x.from)
		x.to = x.from + 1;
	begin_svg(out, chart->title, LINE_WIDTH, LINE_HEIGHT);
	y = put_values(out, chart, frame);
	put_path(out, chart, &x, &y);
	if (chart->labels != NULL)
		put_points(out, chart, &x, &y, frame);
	else
	{
		put_dots(out, chart, &x, &y);
		put_times(out, &x, frame);
	}
	end_svg(out);
}

/* ----- histograms ----- */

/* Powers of ten, in milliseconds. */
static const struct
{
	double		value;
	const char *label;
}			powers[] =

{
	{1e-5, "10 ns"},
	{1e-4, "100 ns"},
	{1e-3, "1 us"},
	{1e-2, "10 us"},
	{1e-1, "100 us"},
	{1, "1 ms"},
	{10, "10 ms"},
	{100, "100 ms"},
	{1000, "1 s"},
	{10000, "10 s"},
	{100000, "100 s"}
};

/* The lower bound of a bucket, which is an eighth of a power of two wide. */
static double
lower_bound(double below)
{
	double		nanos = rint(below * 1e6);

	return (nanos - pow(2, ceil(log2(nanos)) - 4)) / 1e6;
}

/*
 * Draw the axis of time.  Of many powers of ten only some have a label.
 */
static void
put_powers(StringInfo out, const Axis *axis, const Frame *frame)
{
	int			every = 1 + (int) (axis->to - axis->from) / 5;

	put_rule(out, "axis", frame->left, frame->bottom, frame->right, frame->bottom);
	for (int i = 0; i < lengthof(powers); i++)
	{
		double		exponent = log10(powers[i].value);
		double		at = place(axis, exponent);
		const char *class = "x";

		if (exponent < axis->from - 0.01 || exponent > axis->to + 0.01)
			continue;
		if (exponent < axis->from + 0.01)
			class = "start";
		else if (exponent > axis->to - 0.01)
			class = "end";
		put_rule(out, "tick", at, frame->bottom, at, frame->bottom + 4);
		if (i % every == 0)
			put_label(out, class, at, frame->bottom + 17, powers[i].label);
	}
}

static void
put_percentile(StringInfo out, const Axis *axis, const Frame *frame, double value)
{
	double		at = place(axis, log10(value));

	put_rule(out, "percentile", at, frame->top, at, frame->bottom);
}

/*
 * Append a histogram.  What took longer than all bounds is left out.
 */
void
cs_chart_histogram(StringInfo out, const CsChartHistogram *chart)
{
	const Frame *frame = &histogram_frame;
	int			n = chart->n > 0 && isinf(chart->below[chart->n - 1]) ? chart->n - 1 : chart->n;
	Axis		x = {0, 1, frame->left, frame->right};
	Axis		y = {0, 1, frame->bottom, frame->top};

	if (n == 0)
		return;
	x.from = floor(log10(lower_bound(chart->below[0])));
	x.to = ceil(log10(chart->below[n - 1]));
	for (int i = 0; i < n; i++)
		y.to = Max(y.to, chart->count[i]);
	begin_svg(out, chart->title, HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT);
	for (int i = 0; i < n; i++)
	{
		double		left = place(&x, log10(lower_bound(chart->below[i])));
		double		right = place(&x, log10(chart->below[i]));
		double		top = place(&y, chart->count[i]);

		appendStringInfo(out, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\"/>\n",
						 left, top, Max(right - left - 0.5, 1), frame->bottom - top);
	}
	put_powers(out, &x, frame);
	put_percentile(out, &x, frame, chart->p50);
	put_percentile(out, &x, frame, chart->p99);
	end_svg(out);
}
