/*-------------------------------------------------------------------------
 *
 * xactlook.c
 *		Looks: from when on a running statement does not see what its own
 *		transaction defers.
 *
 * A statement sees what the transaction has deferred before it began, and not
 * what it defers itself, nor what is deferred while a cursor is open.  To copy
 * all of that for each statement would take a time that grows with what has
 * been deferred.  So changes are numbered, and a look is a number.  A delta
 * that another one replaces is kept as long as there is a look that sees the
 * one and not the other (xactdelta.c).
 *
 * A look lasts as long as a memory context, that of the execution.  There are
 * a few at a time, one for each scan that is under way.
 *
 * Everything is local to the session.  Numbers are not used again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "writeback/xactlook.h"

static uint64 changes = 0;
static CsXactLook *looks = NULL;	/* the latest first */

/*
 * Memory context callback.
 */
static void
end_look(void *arg)
{
	for (CsXactLook **link = &looks; *link != NULL; link = &(*link)->next)
	{
		if (*link != arg)
			continue;
		*link = (*link)->next;
		return;
	}
}

/*
 * Begin a look, which lasts until the memory context is reset.
 */
const CsXactLook *
cs_xactlook_begin(MemoryContext context, CommandId command)
{
	CsXactLook *look = MemoryContextAlloc(context, sizeof(CsXactLook));

	look->change = changes;
	look->command = command;
	look->next = looks;
	look->ended.func = end_look;
	look->ended.arg = look;
	looks = look;
	MemoryContextRegisterResetCallback(context, &look->ended);
	return look;
}

bool
cs_xactlook_any(void)
{
	return looks != NULL;
}

/*
 * Whether there is a look that sees this change, of which the result is about
 * to be replaced.
 */
bool
cs_xactlook_needs(uint64 change)
{
	/* none sees more than the latest one */
	return looks != NULL && looks->change >= change;
}

/*
 * Count a change, and return its number.
 */
uint64
cs_xactlook_count(void)
{
	return ++changes;
}
