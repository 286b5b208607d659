-- Included by the tests of plain SELECTs by key.

-- What the plan has of the cache, and how it was answered.
CREATE FUNCTION plain(query text, OUT plan text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache.stats_reset();	-- the plan depends on how many reads have been hits
	FOR plan IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
		IF plan ~ 'CacheRead|Key Cond|Cache |on pr_|using pr_|Filter: ' AND plan !~ 'Rows Removed' THEN
			plan := regexp_replace(btrim(plan), ' \(actual.*', '');
			RETURN NEXT;
		END IF;
	END LOOP;
END $$;
-- Whether the cache is used for a query.
CREATE FUNCTION is_used(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	PERFORM set_config('cache_strategies.plain_reads', 'on', true);
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line ~ 'CacheRead' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
-- The rows of a query, in an order of their own.
CREATE FUNCTION rows_of(query text, mode text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('cache_strategies.plain_reads', mode, true);
	EXECUTE format('SELECT string_agg(r::text, '' '' ORDER BY r::text COLLATE "C") FROM (%s) r', query) INTO result;
	RETURN coalesce(result, 'none');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- Whether a query gives the same rows without, with what is cached, and again.
CREATE FUNCTION same(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	reset text := cache.stats_reset();
	without text := rows_of(query, 'off');
	first text := rows_of(query, 'on');
	second text := rows_of(query, 'on');
BEGIN
	IF without IS DISTINCT FROM first OR without IS DISTINCT FROM second THEN
		RETURN format('DIFFERENT: %s | %s | %s', without, first, second);
	END IF;
	RETURN CASE WHEN is_used(query) THEN 'used: ' ELSE 'not used: ' END || without;
END $$;
-- How reads have been answered since the counts were reset.
CREATE FUNCTION counted() RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(NULLIF(concat_ws(', ', NULLIF(sum(hits + absent_hits), 0) || ' hits', NULLIF(sum(misses), 0) || ' misses', NULLIF(sum(bypasses), 0) || ' bypasses'), ''), 'no reads')
	FROM cache.table_stats $$;
-- Whether queries give the same rows without, when nothing is cached, and when what
-- they have loaded is.
CREATE PROCEDURE alike(queries text[]) LANGUAGE plpgsql AS $$
DECLARE
	query text;
	without text;
	misses text;
	hits text;
	counts text[];
BEGIN
	FOREACH query IN ARRAY queries LOOP
		PERFORM cache.invalidate(relation) FROM cache.bindings;
		COMMIT;					-- or it is a change of the transaction's own
		without := rows_of(query, 'off');
		PERFORM cache.stats_reset();
		misses := rows_of(query, 'on');
		counts[1] := counted();
		PERFORM cache.stats_reset();
		hits := rows_of(query, 'on');
		counts[2] := counted();
		PERFORM cache.stats_reset();
		RAISE INFO E'%\n    % [%; then %]', query,
			CASE WHEN without IS DISTINCT FROM misses OR without IS DISTINCT FROM hits
				THEN format('DIFFERENT: %s | %s | %s', without, misses, hits)
				ELSE CASE WHEN is_used(query) THEN 'used: ' ELSE 'not used: ' END ||
					CASE WHEN length(without) < 80 THEN without ELSE length(without) || ' ' || md5(without) END END,
			counts[1], counts[2];
	END LOOP;
END $$;
