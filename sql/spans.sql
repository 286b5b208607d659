-- Spans of time: one range for every function that takes one, in all ways to say it.

SET client_min_messages = warning;
CREATE TABLE spans (id int PRIMARY KEY, v text);
CREATE TABLE spans_deferred (id int PRIMARY KEY, v text);
SELECT cache.track('spans');
SELECT cache.create_space('spans');
SELECT cache.set('k', 'x');
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	EXECUTE 'SELECT ' || call;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	-- apart from what they call it
	IF sqlerrm LIKE 'invalid value for option %' THEN
		RETURN sqlstate || ' ' || regexp_replace(detail, '^It (.*)\.$', 'it \1');
	END IF;
	RETURN sqlstate || ' ' || regexp_replace(sqlerrm, '^(ttl|negative_ttl|flush_interval|the time to live|the grace period) ', 'it ');
END $$;
CREATE TABLE calls (name text, call text);
INSERT INTO calls
	SELECT f || s, format('cache.%s(''k'', %s, ttl => %%s)', f || s, v)
	FROM unnest('{set,add,replace}'::text[]) f, (VALUES ('', '''x'''), ('_jsonb', '''[1]'''), ('_bytea', '''\x01''')) t (s, v)
	UNION ALL SELECT 'set_many' || s, format('cache.set_many%s(''{k}'', %s, ttl => %%s)', s, v)
	FROM (VALUES ('', '''{x}''::text[]'), ('_jsonb', '''{1}'''), ('_bytea', '''{x}''')) t (s, v)
	UNION ALL SELECT 'compare_and_set' || s, format('cache.compare_and_set%s(''none'', NULL, %s, ttl => %%s)', s, v)
	FROM (VALUES ('', '''x'''), ('_jsonb', '''1'''), ('_bytea', '''x''')) t (s, v);
INSERT INTO calls VALUES
	('incr', 'cache.incr(''n'', 1, ttl => %s)'), ('incr_numeric', 'cache.incr_numeric(''n'', 1, ttl => %s)'),
	('expire', 'cache.expire(''k'', %s)'),
	('create_space', 'cache.create_space(''spans2'', ttl => %s), cache.drop_space(''spans2'', true)'),
	('alter_space', 'cache.alter_space(''spans'', %s, NULL)'),
	('remember', 'cache.remember(''q'', %s, ''SELECT count(*) FROM spans'')'),
	('remember rows', 'cache.remember(NULL::spans, ''q'', %s, ''SELECT * FROM spans'')'),
	('remember grace', 'cache.remember(''q'', ''1 h''::interval, ''SELECT count(*) FROM spans'', grace => %s)'),
	('remember rows grace', 'cache.remember(NULL::spans, ''q'', ''1 h'', ''SELECT * FROM spans'', grace => %s)'),
	('attach ttl', 'cache.attach(''spans'', ttl => %s)'),
	('attach negative_ttl', 'cache.attach(''spans'', ttl => ''1 h'', negative_ttl => %s)'),
	('attach flush_interval', 'cache.attach(''spans_deferred'', ''write_back'', flush_interval => %s)');
CREATE TABLE given (n serial, value text);
INSERT INTO given (value) VALUES
	('NULL'), ('''1 us'''), ('''100 years'''), ('''100 years''::interval'), ('''1200 months''::text'), ('''36500 days'''), ('''876000 hours'''), ('3153600000'), ('3153600000.0'), ('3153600000::float8'),
	('''100 years 1 us'''), ('''101 years'''), ('''1201 months''::interval'), ('''876001 hours'''), ('''36501 days''::text'), ('3153600001'), ('3153600000.001'), ('''178000000 years'''), ('''2147483647 months 2147483647 days'''),
	('''0'''), ('''-1 s'''), ('''1 month -31 days'''), ('''-178000000 years'''), ('0'), ('-1'), ('0.0000001'),
	('9223372036854775807'), ('1e300'), ('''NaN''::float8'), ('''soon'''), ('true');
SELECT value, outcome, CASE WHEN count(*) = (SELECT count(*) FROM calls) THEN 'all' ELSE string_agg(name, ', ' ORDER BY name COLLATE "C") END AS by
	FROM (SELECT n, value, name, outcome(format(call, value)) FROM given, calls OFFSET 0) o
	GROUP BY n, value, outcome ORDER BY n, outcome COLLATE "C";
-- PostgreSQL 17 and later have a word for what never ends; what is to stay needs no span
SELECT count(*) FROM calls WHERE current_setting('server_version_num')::int >= 170000 AND outcome(format(call, '''infinity''::interval')) NOT LIKE '22023 %longer than 100 years%';
SELECT count(*) FROM calls WHERE current_setting('server_version_num')::int >= 170000 AND outcome(format(call, '''-infinity''::interval')) NOT LIKE '22023 %longer than zero%';

DROP TABLE spans, spans_deferred, calls, given;
DROP FUNCTION outcome;
SELECT cache.drop_space('spans', true);
SELECT cache.delete_prefix('') > 0 AS deleted;
