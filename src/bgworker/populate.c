/*-------------------------------------------------------------------------
 *
 * populate.c
 *		Having the store's memory in place before it is used.
 *
 * The kernel gives memory to a server page by page, when each is touched for
 * the first time, and fills it with zeroes then.  The launcher touches all of
 * the store once, after the server has started, so that no session waits for
 * that.  It does so between other work, a part at a time.  No locking: pages
 * are read, and what is read is not used.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bgworker/populate.h"
#include "store/store.h"
#include "store/touch.h"

#define MB			((Size) 1024 * 1024)

/* What is touched at a time; some hundredths of a second. */
#define STEP		(64 * MB)

/* With less memory than this, larger pages would not be noticed. */
#define WORTH		(1024 * MB)

static Size touched = 0;

/* Log how the memory is mapped. */
static void
report(const char *memory, Size size)
{
	Size		page = cs_touch_page_size(memory);

	if (page == 0)
		return;
	ereport(LOG,
			(errmsg("cache_strategies: %zu MB of shared memory are in place, in pages of %zu kB",
					size / MB, page / 1024),
			 size >= WORTH && page < MB ?
			 errhint("With huge pages each session has less to map; see the parameter huge_pages.") : 0));
}

/*
 * Touch a part of the store's memory.  Returns whether there is more.
 */
bool
cs_populate_some(void)
{
	Size		size;
	const char *memory = cs_store_memory(&size);

	if (touched == size)
		return false;
	cs_touch_some(memory + touched, Min(STEP, size - touched));
	touched += Min(STEP, size - touched);
	if (touched == size)
		report(memory, size);
	return touched < size;
}
