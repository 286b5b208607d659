/*-------------------------------------------------------------------------
 *
 * loader.h
 *		Loading rows from a table, or through the user's loader function.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LOADER_H
#define CS_LOADER_H

#include "lib/stringinfo.h"
#include "relation/binding.h"
#include "utils/snapshot.h"

typedef struct CsLoaded
{
	HeapTupleHeader row;		/* NULL if there is no such row; its t_ctid is
								 * where the row is, or invalid if that is not
								 * known */
	bool		has_xmin;		/* false for a loader function */
	TransactionId xmin;			/* of the row */
} CsLoaded;

/*
 * If positive, this backend starts a statement of its own that reads what the
 * table has, without what is deferred.
 */
extern int	cs_loader_reading;

extern void cs_loader_load(CsBinding *binding, const CsRowKey *rowkey,
						   Snapshot snapshot, bool plain, CsLoaded *loaded);

extern bool cs_loader_can_batch(const CsBinding *binding);
extern void cs_loader_load_many(CsBinding *binding, CsRowKey *const *keys, int n,
								Snapshot snapshot, CsLoaded *loaded);
extern char *cs_loader_from(const CsBinding *binding, char **alias);
extern void cs_loader_append_match(StringInfo buf, const CsBinding *binding,
								   const char *alias, const char *prefix);
extern bool cs_loader_read_temporary(void);
extern const char *cs_loader_check(const CsBinding *binding, Oid function);
extern Portal cs_loader_open(SPIPlanPtr plan);
extern bool cs_loader_reads_table(SPIPlanPtr plan, const CsBinding *binding);

#endif							/* CS_LOADER_H */
