-- What a row-level security policy checks is not deferred, whatever role the policy belongs to.

CREATE ROLE regress_cs_low;
CREATE SCHEMA low AUTHORIZATION regress_cs_low;
SET ROLE regress_cs_low;
CREATE TABLE low.t (id int PRIMARY KEY, n int);
INSERT INTO low.t VALUES (1, 1), (2, 2);
ALTER TABLE low.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON low.t USING (true) WITH CHECK (n < 10);
CREATE VIEW low.v AS SELECT * FROM low.t;
CREATE TABLE low.plain AS TABLE low.t;
RESET ROLE;
SELECT cache.attach('low.t', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');

-- a superuser, to whom no policy applies, through a view whose owner's do
UPDATE low.v SET n = 100 WHERE id = 1;
UPDATE low.v SET n = 5 WHERE id = 1;
SELECT * FROM low.t ORDER BY id;
SELECT dirty_entries FROM cache.flush_status WHERE relation = 'low.t'::regclass;
-- in functions, and prepared
PREPARE up(int) AS UPDATE low.v SET n = $1 WHERE id = 2;
EXECUTE up(6);
EXECUTE up(100);
DO $$ BEGIN UPDATE low.v SET n = 100 WHERE id = 2; EXCEPTION WHEN insufficient_privilege THEN RAISE NOTICE '%', SQLERRM; END $$;
WITH w AS (UPDATE low.v SET n = 100 WHERE id = 2 RETURNING 1) SELECT count(*) FROM w;
SELECT * FROM low.t ORDER BY id;
SELECT dirty_entries FROM cache.flush_status WHERE relation = 'low.t'::regclass;
-- directly the owner defers
UPDATE low.t SET n = 100 WHERE id = 1;
SELECT * FROM low.t ORDER BY id;
SELECT dirty_entries FROM cache.flush_status WHERE relation = 'low.t'::regclass;
SELECT cache.detach('low.t');
SELECT * FROM low.t ORDER BY id;
DROP SCHEMA low CASCADE;
DROP ROLE regress_cs_low;
