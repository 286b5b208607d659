/*-------------------------------------------------------------------------
 *
 * advise_mix.h
 *		How a table is read and written, as far as the server has counted it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ADVISE_MIX_H
#define CS_ADVISE_MIX_H

typedef struct CsAdviseMix
{
	Oid			relid;
	char	   *strategy;		/* of an attached table, else NULL */
	bool		has_loader;
	bool		has_ttl;
	bool		has_key;
	double		rows;
	double		blocks;
	double		key_reads;		/* by key, of the table and of the cache */
	double		other_reads;	/* by other scans */
	double		inserts;
	double		updates;
	double		deletes;
	double		disk_share;		/* of the blocks that were read */
	double		buffers;		/* shared_buffers, in blocks */

	/* of an attached table, since the last cache.stats_reset() */
	double		cache_reads;
	double		cache_hits;
	double		cache_bytes;	/* of its entries now */
} CsAdviseMix;

extern List *cs_advise_mix_list(Oid relid);

#endif							/* CS_ADVISE_MIX_H */
