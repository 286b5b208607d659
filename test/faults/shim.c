/*-------------------------------------------------------------------------
 *
 * shim.c
 *		Faults of the system, for servers that are started with this library in
 *		LD_PRELOAD: memory that is not there, and files that cannot be synced.
 *
 * What is to fail is in a file that the environment variable CS_FAULTS names;
 * all processes map it, and the test writes it (Faults.pm).  Zeros: nothing.
 *
 * Memory fails only in the processes listed, as PostgreSQL ends when some of
 * its own, such as the startup process, have none.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VICTIMS		64

typedef struct
{
	int32_t		malloc_one_in;	/* 0: none fails */
	int32_t		malloc_failed;	/* how many have */
	int32_t		fsync_left;		/* so many calls are to fail */
	int32_t		fsync_failed;
	char		path[64];		/* of files whose name contains this */
	int32_t		victims[VICTIMS];	/* process ids */
} Control;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static Control *control;
static uint64_t state;

__attribute__((constructor))
static void
map_control(void)
{
	const char *name = getenv("CS_FAULTS");
	int			fd = name != NULL ? open(name, O_RDWR) : -1;
	void	   *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		control = map;
}

static int
is_victim(void)
{
	int32_t		pid = (int32_t) syscall(SYS_getpid);

	for (int i = 0; i < VICTIMS && control->victims[i] != 0; i++)
	{
		if (control->victims[i] == pid)
		{
			if (state == 0)
				state = (uint64_t) pid * 0x9e3779b97f4a7c15u;
			return 1;
		}
	}
	return 0;
}

static int
memory_fails(void)
{
	if (control == NULL || control->malloc_one_in == 0 || !is_victim())
		return 0;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	if (state % (uint64_t) control->malloc_one_in != 0)
		return 0;
	__atomic_add_fetch(&control->malloc_failed, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return memory_fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return memory_fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return memory_fails() ? NULL : __libc_realloc(p, size);
}

static int
sync_fails(int fd)
{
	char		link[32];
	char		name[1024];
	ssize_t		len;

	if (control == NULL || control->fsync_left <= 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name) - 1);
	if (len < 0)
		return 0;
	name[len] = '\0';
	if (strstr(name, control->path) == NULL)
		return 0;
	__atomic_sub_fetch(&control->fsync_left, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&control->fsync_failed, 1, __ATOMIC_RELAXED);
	errno = EIO;
	return 1;
}

int
fsync(int fd)
{
	return sync_fails(fd) ? -1 : (int) syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	return sync_fails(fd) ? -1 : (int) syscall(SYS_fdatasync, fd);
}
