-- Where a key is kept cannot be computed: its hash depends on a secret of the server start.

CREATE ROLE regress_cs_hash;
SET ROLE regress_cs_hash;
BEGIN;
SELECT cache.set('victim', 'v');
-- pg_locks shows 32 bits of the hash of a changed key; the functions of PostgreSQL give others
CREATE TEMP TABLE shown AS
	SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objid <> 0;
SELECT count(*) FROM shown;
CREATE TEMP TABLE guesses AS
	SELECT (hash & 4294967295) | 1 AS objid
	FROM unnest('{k,v,x,K,V}'::text[] || chr(1) || chr(2) || ''::text) AS kind,
		unnest(ARRAY[0, 1]) AS seed,
		LATERAL (SELECT hashtextextended(kind || 'victim', seed) AS hash
			UNION ALL SELECT hashtext(kind || 'victim') UNION ALL SELECT hashbpchar(kind || 'victim')) AS h;
SELECT count(*) AS guessed FROM shown JOIN guesses USING (objid);
-- the same key has the same hash as long as the server runs
SAVEPOINT s;
SELECT cache.set('victim', 'w');
SELECT count(*) FROM pg_locks JOIN shown USING (objid) WHERE locktype = 'advisory' AND pid = pg_backend_pid();
ROLLBACK;
RESET ROLE;
DROP ROLE regress_cs_hash;
