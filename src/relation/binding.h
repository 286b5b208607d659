/*-------------------------------------------------------------------------
 *
 * binding.h
 *		Bindings: a session's knowledge of the cached tables.
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

/* Whether plain SELECTs by key are answered from the cache. */
typedef enum CsPlainReads
{
	CS_PLAIN_AS_SET,			/* as cache_strategies.plain_reads says */
	CS_PLAIN_OFF,
	CS_PLAIN_ON
} CsPlainReads;

/* Options of cache.attach(), as stored in cache.bindings. */
typedef struct CsOptions
{
	char	   *strategy;
	int64		ttl;			/* microseconds; 0 if none */
	float4		ttl_jitter;		/* share of the ttl */
	int64		negative_ttl;	/* microseconds; 0 if absences are not kept */
	int64		max_memory;		/* bytes; 0 if there is no limit of its own */
	char	   *loader;			/* signature; NULL to load from the table */
	float4		refresh_ahead;	/* share of the ttl; 0 if off */
	bool		durable;		/* this and the following are for write_back */
	int64		flush_interval; /* microseconds */
	int			flush_batch;	/* rows */
	Jsonb	   *merge;			/* column -> rule; NULL if none */
	ArrayType  *settings;		/* see pinned.h; NULL if none */
	CsPlainReads plain_reads;
} CsOptions;

/* Which triggers a strategy needs.  DDL is recognized without triggers. */
typedef struct CsTriggerNeeds
{
	bool		on_insert;		/* inserted rows are relevant */
	bool		by_statement;	/* transition tables instead of row triggers */
	bool		settling;		/* changes must be combined with deferred
								 * ones: before each row, and at TRUNCATE */
} CsTriggerNeeds;

/* A plan that is kept, with its purpose and columns. */
typedef struct CsPlan
{
	struct CsPlan *next;
	int			kind;
	Bitmapset  *columns;
	SPIPlanPtr	plan;
} CsPlan;

struct CsStrategy;

/* Defaults of cache.attach() */
#define CS_FLUSH_INTERVAL	USECS_PER_SEC
#define CS_FLUSH_BATCH		10000

#define CS_NO_EPOCH		PG_UINT64_MAX

typedef struct CsBinding
{
	Oid			relid;
	Oid			rowtype;
	Oid			owner;
	uint32		schema_hash;	/* hash value of its schema in the system
								 * cache */
	char	   *name;
	MemoryContext context;		/* of everything here */
	const struct CsStrategy *strategy;	/* this and needs are set by
										 * cs_binding_made_hook */
	CsTriggerNeeds needs;
	CsOptions	options;
	const CsPinned *pinned;		/* settings for loader and flush */

	Oid			key_index;		/* of the primary key */
	int			nkeys;
	CsKeyColumn *keys;			/* in index order */
	bool		hashed;			/* a key column is CS_KEY_HASHED */
	uint64		seed;			/* of key hashes: database and relation */

	TupleDesc	tupdesc;
	uint32		shape;			/* fingerprint of tupdesc */
	HeapTupleHeader row_header; /* of its composite datums; made by rowvalue.c
								 * when first needed */
	CsTree		tree;
	bool		rules;			/* has rules, so writing it may write other
								 * tables */
	bool		rls;			/* row-level security is enabled */

	int			slot;			/* -1 if it was denied one */
	CsSlotDenial denial;		/* reason why */
	uint64		epoch;			/* of the slot when all this was read;
								 * CS_NO_EPOCH if it may be older */

	bool		settles;		/* cs_triggers_settle() has returned true */
	uint64		refused;		/* slot word at which its triggers were found
								 * not to be in force */
	TimestampTz refused_until;	/* time at which to examine them again
								 * regardless */

	SPIPlanPtr	load_plan[2];	/* made when first needed; without and with
								 * xmin */
	SPIPlanPtr	many_plan[2];
	CsPlan	   *plans;			/* of the functions that write */
	struct CsMerge *merge;		/* made by cs_merge_get() */

	uint64		locked;			/* cs_xact_lock_generation in which the table
								 * was locked for reading */

	bool		retired;		/* the table has changed; usable until the end
								 * of the transaction */
	Oid			acl_role;		/* role that the next two are of */
	bool		acl_ok;
	bool		acl_xmin;		/* may read system columns too */
	struct CsBinding *next_retired;
} CsBinding;

/* A binding that changes of a relation concern. */
typedef struct CsTarget
{
	CsBinding  *binding;
	AttrMap    *map;			/* from the relation's columns to the
								 * binding's; NULL if they are the same */
} CsTarget;

/* Moves when a binding may have been freed, which invalidates pointers. */
extern uint64 cs_binding_generation;
extern void cs_binding_init(void);

/*
 * Sets the parts of a binding that depend on its strategy.  Must not read
 * catalogues.
 */
extern void (*cs_binding_made_hook) (CsBinding *binding);
extern CsBinding *cs_binding_get(Oid relid);
extern bool cs_binding_is_bare(Oid relid);
extern CsBinding *cs_binding_peek(Oid relid);
extern const CsBinding *cs_binding_deferring(const Oid *tables, int n);
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

extern Oid	cs_binding_catalog(void);

#endif							/* CS_BINDING_H */
