/*-------------------------------------------------------------------------
 *
 * requests.h
 *		A file of requests: what generate.c writes, and play.c and exact.c play.
 *
 * The header, the number of a key for each request, the value size of each key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* An entry has a key of so many bytes. */
#define KEY_LEN		8

/* What the store makes of key and value: a header of 40 bytes, and padding. */
#define RECORD_SIZE(len)	(((size_t) (len) + KEY_LEN + 40 + 7) & ~(size_t) 7)

typedef struct Requests
{
	uint32_t	n;
	uint32_t	nkeys;
	const uint32_t *key;
	const uint32_t *size;
} Requests;

static inline Requests
read_requests(const char *path)
{
	int			fd = open(path, O_RDONLY);
	Requests	r;
	struct stat st;
	const uint32_t *map;

	if (fd < 0 || fstat(fd, &st) != 0)
		err(1, "%s", path);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	r.n = map[0];
	r.nkeys = map[1];
	r.key = map + 2;
	r.size = r.key + r.n;
	if (st.st_size != (off_t) (2 + (size_t) r.n + r.nkeys) * sizeof(uint32_t))
		errx(1, "%s: not a file of requests", path);
	return r;
}

#endif							/* BENCH_REQUESTS_H */
