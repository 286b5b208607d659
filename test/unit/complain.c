/*-------------------------------------------------------------------------
 *
 * complain.c
 *		Errors and assertions of the sources that are tested: both fail the test,
 *		unless it waits for the error.
 *
 * Of the unit tests, and of the simulation (../simulation).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <setjmp.h>

#include "unit.h"

sigjmp_buf *complain_to = NULL;

bool
errstart(int elevel, const char *domain)
{
	if (complain_to == NULL)
		fail("error raised");
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	siglongjmp(*complain_to, 1);
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg(const char *fmt,...)
{
	return 0;
}

int
errmsg_internal(const char *fmt,...)
{
	return 0;
}

int
errdetail(const char *fmt,...)
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
