--
-- What does not use the cache does not pay for it: a statement on a table that is
-- not attached does not look into cache.binding_store.
--

-- What a statement does there, as "sequential scans/index scans".
CREATE FUNCTION looks(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	seq bigint := pg_stat_get_xact_numscans('cache.binding_store'::regclass);
	idx bigint := pg_stat_get_xact_numscans('cache.binding_store_pkey'::regclass);
	raised text := '';
BEGIN
	BEGIN
		EXECUTE command;
	EXCEPTION WHEN object_not_in_prerequisite_state OR feature_not_supported THEN
		raised := ' ' || SQLERRM;
	END;
	RETURN format('%s/%s%s', pg_stat_get_xact_numscans('cache.binding_store'::regclass) - seq,
		pg_stat_get_xact_numscans('cache.binding_store_pkey'::regclass) - idx, raised);
END $$;

CREATE TABLE ua (id int PRIMARY KEY, v int);
CREATE VIEW ua_checked AS SELECT * FROM ua WHERE v >= 0 WITH CHECK OPTION;
-- with a trigger such as defers writes, but another one
CREATE TABLE ua_stamped (id int PRIMARY KEY, v int);
CREATE FUNCTION ua_stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER zz_cache_strategies_defer BEFORE INSERT OR UPDATE ON ua_stamped FOR EACH ROW EXECUTE FUNCTION ua_stamp();
CREATE TABLE ua_parts (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE ua_part PARTITION OF ua_parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE ua_attached (id int PRIMARY KEY, v int);
SELECT cache.attach('ua_attached', 'write_back', merge => '{"v": "add"}');

-- In a session that has just begun, too.
\c
SELECT statement, looks(statement) AS first, looks(statement) AS second FROM (VALUES
	(1, 'INSERT INTO ua SELECT coalesce(max(id), 0) + 1, 0 FROM ua RETURNING id'),
	(2, 'INSERT INTO ua VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = ua.v + 1'),
	(3, 'INSERT INTO ua VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = ua.v + 1 RETURNING *'),
	(4, 'INSERT INTO ua VALUES (1, 1) ON CONFLICT DO NOTHING RETURNING *'),
	(5, 'MERGE INTO ua USING (VALUES (1)) s(i) ON ua.id = s.i WHEN MATCHED THEN UPDATE SET v = 0 WHEN NOT MATCHED THEN INSERT VALUES (i)'),
	(6, 'UPDATE ua SET v = 1 WHERE id = 1 RETURNING *'),
	(7, 'DELETE FROM ua WHERE id = 100 RETURNING *'),
	(8, 'UPDATE ua_checked SET v = 1 WHERE id = 1'),
	(9, 'WITH w AS (UPDATE ua SET v = 2 WHERE id = 1 RETURNING *) SELECT * FROM w'),
	(10, 'INSERT INTO ua_stamped VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 1 RETURNING *'),
	(11, 'UPDATE ua_stamped SET v = 1 RETURNING *'),
	(12, 'INSERT INTO ua_parts VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 1 RETURNING *'),
	(13, 'UPDATE ua_parts SET v = 1 RETURNING *'),
	(14, 'MERGE INTO ua_parts p USING ua ON ua.id = p.id WHEN MATCHED THEN UPDATE SET v = 0'),
	(15, 'CREATE TABLE IF NOT EXISTS ua_new (id int PRIMARY KEY)'),
	(16, 'CREATE TEMP TABLE IF NOT EXISTS ua_temp (id int PRIMARY KEY) ON COMMIT DELETE ROWS'),
	(17, 'INSERT INTO ua_temp SELECT count(*) FROM ua_temp RETURNING *'),
	(18, 'ALTER TABLE ua_new ADD COLUMN IF NOT EXISTS v int'),
	(19, 'TRUNCATE ua_new'),
	(20, 'COPY ua TO PROGRAM ''cat >/dev/null''')
) s(no, statement) ORDER BY no;

-- DROP TABLE has to ask: what is deferred, if anything, would be lost.
SELECT looks('DROP TABLE ua_new') AS "drop", looks('DROP TABLE ua_temp') AS temporary, looks('DROP VIEW ua_checked') AS view;

-- A function that is asked for a table which is not attached looks once.
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS first;
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS second;
BEGIN;
SELECT cache.attach('ua');
SELECT cache.read(NULL::ua, 1);
ROLLBACK;
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS attached_and_rolled_back;
BEGIN;
SAVEPOINT s;
SELECT cache.attach('ua');
ROLLBACK TO s;
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS to_a_savepoint;
COMMIT;
SELECT cache.attach('ua');
SELECT cache.read(NULL::ua, 1);
BEGIN;
SELECT cache.detach('ua');
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS detached;
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS again;
ROLLBACK;
SELECT cache.read(NULL::ua, 1);
SELECT cache.detach('ua');
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS detached;
ALTER TABLE ua ADD COLUMN more int;
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS changed;
SELECT looks('SELECT cache.read(NULL::ua, 1)') AS again;

-- What defers is found by what its trigger does, whatever its name.
INSERT INTO ua_attached VALUES (1, 1);
SELECT looks('UPDATE ua_attached SET v = 2 RETURNING v');
ALTER TRIGGER zz_cache_strategies_defer ON ua_attached RENAME TO zzz;
SELECT looks('UPDATE ua_attached SET v = 2 RETURNING v');
SELECT looks('INSERT INTO ua_attached VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 2');
SELECT looks('MERGE INTO ua_attached a USING ua ON ua.id = a.id WHEN MATCHED THEN UPDATE SET v = 0');

DROP TABLE ua, ua_stamped, ua_parts, ua_attached;
DROP FUNCTION looks, ua_stamp;
