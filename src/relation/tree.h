/*-------------------------------------------------------------------------
 *
 * tree.h
 *		A table with its partitions: which there are, and locks on them.
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
	int			nparts;			/* partitions below, without the table itself */
	Oid		   *parts;			/* ascending */
	int			nnodes;			/* partitioned tables: this and those below */
	Oid		   *nodes;
	bool		detaching;		/* DETACH CONCURRENTLY has not ended: which
								 * partitions there are depends on the
								 * snapshot */
} CsTree;

extern void cs_tree_list(CsTree *tree, Relation rel);
extern bool cs_tree_has(const CsTree *tree, Oid relid);
extern bool cs_relation_is_locked(Oid relid, LOCKMODE least);
extern bool cs_tree_is_locked(const CsTree *tree, LOCKMODE least);
extern bool cs_relation_hold(Oid relid);
extern void cs_relation_release(Oid relid);
extern void cs_relation_note_held(Oid relid);
extern bool cs_relation_try_lock(Oid relid, LOCKMODE mode);

/*
 * Take all locks that hold off DDL that matters, or none: how many, or 0.  What
 * has ended before is known when they have been taken.
 */
extern int	cs_tree_lock(const CsTree *tree);
extern void cs_tree_unlock(const CsTree *tree, int n);

/* Children and parents, by inheritance or partitioning, as of now. */
extern bool cs_relation_has_children(Oid relid);
extern bool cs_relation_has_parents(Oid relid);
extern bool cs_tree_has_writers(const CsTree *tree);
extern bool cs_relation_is_prepared(Oid relid);

#endif							/* CS_TREE_H */
