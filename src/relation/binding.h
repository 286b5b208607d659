/*-------------------------------------------------------------------------
 *
 * binding.h
 *		What this session knows of a cached table: options, key, shape.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_BINDING_H
#define CS_BINDING_H

#include "access/attmap.h"
#include "executor/spi.h"
#include "relation/key.h"
#include "relation/pinned.h"
#include "relation/tree.h"
#include "store/slot.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "xact/xact.h"

/* The options of cache.attach(), as kept in cache.bindings. */
typedef struct CsOptions
{
	char	   *strategy;
	int64		ttl;			/* microseconds; 0: none */
	float4		ttl_jitter;		/* share of the ttl */
	int64		negative_ttl;	/* microseconds; 0: absences are not kept */
	int64		max_memory;		/* bytes; 0: no limit of its own */
	char	   *loader;			/* signature; NULL: the table itself */
	float4		refresh_ahead;	/* share of the ttl; 0: off */
	bool		durable;		/* the rest: write_back */
	int64		flush_interval; /* microseconds */
	int			flush_batch;	/* rows */
	Jsonb	   *merge;			/* column -> rule; NULL: none */
	ArrayType  *settings;		/* see pinned.h; NULL: none */
} CsOptions;

/* Which triggers a strategy needs, apart from what DDL tells by itself. */
typedef struct CsTriggerNeeds
{
	bool		on_insert;		/* a new row changes something in the cache */
	bool		by_statement;	/* transition tables in place of row triggers */
	bool		settling;		/* changes meet deferred ones: before each
								 * row, and at TRUNCATE */
} CsTriggerNeeds;

/* A plan kept for later: what for, and for which columns. */
typedef struct CsPlan
{
	struct CsPlan *next;
	int			kind;
	Bitmapset  *columns;
	SPIPlanPtr	plan;
} CsPlan;

struct CsStrategy;

/* Unless the table is attached with others. */
#define CS_FLUSH_INTERVAL	USECS_PER_SEC
#define CS_FLUSH_BATCH		10000

#define CS_NO_EPOCH		PG_UINT64_MAX

typedef struct CsBinding
{
	Oid			relid;
	Oid			rowtype;
	Oid			owner;
	uint32		schema_hash;	/* of its schema, in syscache invalidations */
	char	   *name;
	MemoryContext context;		/* everything here, freed with it */
	const struct CsStrategy *strategy;	/* this and needs: set by
										 * cs_binding_made_hook */
	CsTriggerNeeds needs;
	CsOptions	options;
	const CsPinned *pinned;		/* settings of loader and flush */

	Oid			key_index;		/* of the primary key */
	int			nkeys;
	CsKeyColumn *keys;			/* in index order */
	bool		hashed;			/* some key column is CS_KEY_HASHED */
	uint64		seed;			/* of key hashes: database and relation */

	TupleDesc	tupdesc;
	uint32		shape;			/* fingerprint of it */
	CsTree		tree;
	bool		rules;			/* writing it may write elsewhere */
	bool		rls;			/* row-level security may apply to someone */

	int			slot;			/* -1: none to be had ... */
	CsSlotDenial denial;		/* ... and why */
	uint64		epoch;			/* of the slot when all this was read;
								 * CS_NO_EPOCH: not known to be as new */

	bool		settles;		/* cs_triggers_settle() has found it so */
	uint64		refused;		/* slot word at which its triggers were found
								 * not to be in force */
	TimestampTz refused_until;	/* when to look at them again all the same */

	SPIPlanPtr	load_plan[2];	/* made when first needed; without and with
								 * xmin */
	SPIPlanPtr	many_plan[2];
	CsPlan	   *plans;			/* of the functions that write */
	struct CsMerge *merge;		/* cs_merge_get() */

	uint64		locked;			/* cs_xact_lock_generation in which the table
								 * was locked for reading */

	bool		retired;		/* the table has changed since; usable until
								 * the end of the transaction */
	Oid			acl_role;		/* who may read, as found out last */
	bool		acl_ok;
	bool		acl_xmin;		/* system columns as well */
	struct CsBinding *next_retired;
} CsBinding;

/* A cached table whose rows a trigger's relation holds. */
typedef struct CsTarget
{
	CsBinding  *binding;
	AttrMap    *map;			/* relation's columns to the binding's; NULL:
								 * same */
} CsTarget;

/* Moves when any binding may have been freed: pointers are good until then. */
extern uint64 cs_binding_generation;
extern void cs_binding_init(void);

/* The strategy layer's part in making a binding; must not read catalogues. */
extern void (*cs_binding_made_hook) (CsBinding *binding);
extern CsBinding *cs_binding_get(Oid relid);
extern CsBinding *cs_binding_require(Oid relid);
extern CsTarget *cs_binding_targets(Relation rel, int *n);
extern bool cs_binding_lock(CsBinding *binding);

#define cs_binding_is_locked(binding) ((binding)->locked == cs_xact_lock_generation)

extern void cs_binding_check_slots(void);
extern bool cs_binding_owns_slot(const CsBinding *binding);
extern void cs_binding_forget(Oid relid);
extern void cs_binding_settle_slot(const CsBinding *binding);
extern CsBinding *cs_binding_refresh(CsBinding *binding);
extern bool cs_binding_may_select(CsBinding *binding);
extern void cs_binding_check_select(CsBinding *binding);
extern char *cs_binding_qualified_name(const CsBinding *binding);
extern bool cs_binding_is_key(const CsBinding *binding, AttrNumber attnum);
extern uint32 cs_binding_key_shape(const CsBinding *binding);
cs_noreturn extern void cs_binding_renamed_error(const CsBinding *binding);

#define cs_binding_defers(binding)	((binding)->needs.settling)

/* The options of a table, from cache.bindings; false if it is not there. */
extern bool cs_binding_read_options(Oid relid, CsOptions *options);
extern Oid	cs_binding_catalog(void);

#endif							/* CS_BINDING_H */
