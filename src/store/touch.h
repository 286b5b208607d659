/*-------------------------------------------------------------------------
 *
 * touch.h
 *		Shared memory that a process uses for the first time.
 *
 * The first access of a process to a page costs a page fault, of some
 * microseconds in a virtual machine.  Linux answers a fault by a read with the
 * pages around it, up to 64 kB, if they are in memory; a fault by a write with
 * that page alone.  So a session that is about to write at a random place
 * reads there first, and takes a fault for 64 kB instead of one for each page.
 * That the pages are in memory is what cs_touch_some() is for.  With huge
 * pages there is a fault for 2 MB, and nothing to gain.
 *
 * Any process, any time; no locking, as what is read is not used.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TOUCH_H
#define CS_TOUCH_H

/* Have the page of this address mapped. */
static inline void
cs_touch(const void *address)
{
	(void) *(const volatile char *) address;
}

extern Size cs_touch_page_size(const void *address);
extern void cs_touch_some(const char *memory, Size n);

#endif							/* CS_TOUCH_H */
