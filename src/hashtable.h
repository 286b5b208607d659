/*-------------------------------------------------------------------------
 *
 * hashtable.h
 *		A hash table of simplehash.h that stays as it is when there is no
 *		memory for it to grow.
 *
 * Included where simplehash.h would be, for each table anew, with
 * CS_HASHTABLE in place of SH_PREFIX and all other macros as there.
 *
 * Before PostgreSQL 17 simplehash.h gives a table its new size before it
 * allocates the memory.  An error there leaves a table that is read past its
 * end, and those of a transaction are read when it is rolled back.  So the
 * allocator gives the table its size back before it throws.
 *
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#define CS_HASHTABLE_NAME(name) CS_HASHTABLE_PASTE(CS_HASHTABLE, name)
#define CS_HASHTABLE_PASTE(prefix, name) CS_HASHTABLE_PASTE_(prefix, name)
#define CS_HASHTABLE_PASTE_(prefix, name) prefix##_##name

#define SH_PREFIX		CS_HASHTABLE
#if defined(SH_DEFINE) && CS_SIMPLEHASH_RESIZES_FIRST
#define CS_HASHTABLE_ALLOCATES
#define SH_USE_NONDEFAULT_ALLOCATOR
#endif

#include "lib/simplehash.h"

#ifdef CS_HASHTABLE_ALLOCATES
/*
 * The first array, or the one that takes the place of an array of half the
 * size.
 */
static inline void *
CS_HASHTABLE_NAME(allocate) (CS_HASHTABLE_NAME(hash) *table, Size size)
{
	void	   *array = MemoryContextAllocExtended(table->ctx, size,
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO | MCXT_ALLOC_NO_OOM);

	if (array == NULL)
	{
		CS_HASHTABLE_NAME(compute_parameters) (table, table->size / 2);
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed on request of size %zu in memory context \"%s\".",
						   size, table->ctx->name)));
	}
	return array;
}

static inline void
CS_HASHTABLE_NAME(free) (CS_HASHTABLE_NAME(hash) *table, void *array)
{
	pfree(array);
}
#endif

#undef CS_HASHTABLE
#undef CS_HASHTABLE_NAME
#undef CS_HASHTABLE_PASTE
#undef CS_HASHTABLE_PASTE_
#undef CS_HASHTABLE_ALLOCATES
