-- Every table is attached as soon as it can be: when it is created, or gets its
-- primary key.  Plain SELECTs by key are answered from the cache.

CREATE EXTENSION cache_strategies;

CREATE FUNCTION cache.attach_made(relation regclass) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	SELECT cache.attach(relation, 'read_through', plain_reads => true)
$$;
\ir created.sql
