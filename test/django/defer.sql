-- Every table is attached as write_back as soon as it can be, and each of its columns
-- is deferred, with the last write winning, that no key, unique index or generated
-- column uses.

CREATE EXTENSION cache_strategies;

CREATE FUNCTION cache.defer_columns(relation regclass) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_object_agg(attname, 'replace')
	FROM pg_attribute a
	WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
		AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = relation AND indisunique AND attnum = ANY (indkey))
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = relation AND contype IN ('f', 'x') AND attnum = ANY (conkey))
$$;
CREATE FUNCTION cache.attach_made(relation regclass) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
	SELECT cache.attach(relation, 'write_back', merge => cache.defer_columns(relation))
$$;
\ir ../postgres/created.sql
