/*-------------------------------------------------------------------------
 *
 * tree.h
 *		Trees: a table with its partitions, and locks on all of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TREE_H
#define CS_TREE_H

#include "storage/lockdefs.h"
#include "utils/rel.h"

typedef struct CsTree
{
	Oid			relid;
	bool		partitioned;
	int			nparts;			/* partitions at all levels, without the table
								 * itself */
	Oid		   *parts;			/* in ascending order */
	int			nnodes;			/* partitioned tables, including this one */
	Oid		   *nodes;
	bool		detaching;		/* DETACH CONCURRENTLY has not ended, so the
								 * partitions depend on the snapshot */
} CsTree;

extern void cs_tree_list(CsTree *tree, Relation rel);
extern bool cs_tree_has(const CsTree *tree, Oid relid);
extern bool cs_tree_is_locked(const CsTree *tree, LOCKMODE least);

extern int	cs_tree_lock(const CsTree *tree);
extern void cs_tree_unlock(const CsTree *tree, int n);

extern bool cs_tree_has_children(Oid relid);
extern bool cs_tree_has_parents(Oid relid);
extern bool cs_tree_has_writers(const CsTree *tree);
extern bool cs_tree_has_writers_up_to(const CsTree *tree, uint64 xid);

#endif							/* CS_TREE_H */
