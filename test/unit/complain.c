/*-------------------------------------------------------------------------
 *
 * complain.c
 *		Errors and assertions of the sources that are tested: both fail the test.
 *
 * Of the unit tests, and of the simulation (../simulation).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "unit.h"

bool
errstart(int elevel, const char *domain)
{
	fail("error raised");
}

bool
errstart_cold(int elevel, const char *domain)
{
	fail("error raised");
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
}

int
errmsg_internal(const char *fmt,...)
{
	return 0;
}

void
#if PG_VERSION_NUM >= 160000
ExceptionalCondition(const char *conditionName, const char *fileName, int lineNumber)
#else
ExceptionalCondition(const char *conditionName, const char *errorType,
					 const char *fileName, int lineNumber)
#endif
{
	unit_fail(fileName, lineNumber, "assertion failed: %s", conditionName);
}
