/*-------------------------------------------------------------------------
 *
 * human.c
 *		Numbers as people read them.
 *
 * Three digits that matter, a unit, and commas in what is counted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "stats/human.h"

/* Three digits, or all of those before the point. */
static char *
three_digits(double n)
{
	double		size = fabs(n);

	if (size < 9.995)
		return psprintf("%.2f", n);
	if (size < 99.95)
		return psprintf("%.1f", n);
	return psprintf("%.0f", n);
}

/*
 * A whole number, with commas between thousands.
 */
char *
cs_human_count(double n)
{
	char	   *digits = psprintf("%.0f", fabs(n));
	int			len = (int) strlen(digits);
	char	   *result = palloc(len + len / 3 + 2);
	char	   *to = result;

	if (n <= -0.5)
		*to++ = '-';
	for (int i = 0; i < len; i++)
	{
		if (i > 0 && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return result;
}

char *
cs_human_bytes(double bytes)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	int			unit = 0;

	for (; bytes >= 999.5 && unit < lengthof(units) - 1; unit++)
		bytes /= 1024;
	return unit == 0 ? psprintf("%.0f bytes", bytes) :
		psprintf("%s %s", three_digits(bytes), units[unit]);
}

char *
cs_human_time(double milliseconds)
{
	double		nanos = milliseconds * 1000000;

	if (nanos < 999.5)
		return psprintf("%.0f ns", nanos);
	if (nanos < 999.5e3)
		return psprintf("%s us", three_digits(nanos / 1e3));
	if (nanos < 999.5e6)
		return psprintf("%s ms", three_digits(nanos / 1e6));
	if (nanos < 120e9)
		return psprintf("%s s", three_digits(nanos / 1e9));
	if (nanos < 7200e9)
		return psprintf("%.0f min", nanos / 60e9);
	return psprintf("%s h", three_digits(nanos / 3600e9));
}

/*
 * A part of 1 as a percentage.
 */
char *
cs_human_percent(double ratio)
{
	return psprintf("%.2f %%", 100 * ratio);
}

char *
cs_human_rate(double per_second)
{
	return psprintf("%s per second", per_second < 99.95 ? psprintf("%.1f", per_second) :
					cs_human_count(per_second));
}
