/*-------------------------------------------------------------------------
 *
 * touch.c
 *		Shared memory that is used for the first time; see touch.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdio.h>
#include <unistd.h>

#include "storage/fd.h"
#include "store/touch.h"

/*
 * Have n bytes in memory, and mapped in this process.
 */
void
cs_touch_some(const char *memory, Size n)
{
	Size		page = sysconf(_SC_PAGESIZE);

	for (Size at = 0; at < n; at += page)
		cs_touch(memory + at);
}

/*
 * Size of the pages at this address in bytes, from Linux's list of mappings; 0
 * if it cannot be told.  Opens a file, and may throw as AllocateFile() does.
 */
Size
cs_touch_page_size(const void *address)
{
	FILE	   *file = AllocateFile("/proc/self/smaps", "r");
	char		line[1024];
	bool		inside = false;
	Size		size = 0;

	if (file == NULL)
		return 0;
	while (size == 0 && fgets(line, sizeof(line), file) != NULL)
	{
		unsigned long from;
		unsigned long to;
		unsigned long kb;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t) address >= from && (uintptr_t) address < to;
		else if (inside && sscanf(line, "KernelPageSize: %lu kB", &kb) == 1)
			size = kb * 1024;
	}
	FreeFile(file);
	return size;
}
