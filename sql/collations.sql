--
-- Keys that are equal without being the same: nondeterministic collations and
-- citext.  Needs ICU, UTF8 and citext; see the alternative expected output.
--

SELECT getdatabaseencoding() <> 'UTF8' OR
	NOT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') OR
	NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext') AS skip \gset
\if :skip
\quit
\endif

\set VERBOSITY terse
CREATE EXTENSION citext;
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE names (id text COLLATE nocase PRIMARY KEY, n int);
CREATE TABLE cinames (id citext PRIMARY KEY, n int);
INSERT INTO names VALUES ('Anna', 1), ('anne', 2);
INSERT INTO cinames SELECT * FROM names;
SELECT cache.attach('names', 'write_through'), cache.attach('cinames', 'read_through');

-- one entry, whatever it is called
SELECT * FROM cache.read(NULL::names, 'Anna');
SELECT * FROM cache.read(NULL::names, 'ANNA');
SELECT k, outcome FROM unnest('{Anna,ANNA,anna,anne,Annb}'::text[]) k, cache.explain(NULL::names, k);
SELECT * FROM cache.read(NULL::cinames, 'Anna');
SELECT * FROM cache.read(NULL::cinames, 'ANNA'::citext);
SELECT k, outcome FROM unnest('{Anna,ANNA,anna,anne,Annb}'::citext[]) k, cache.explain(NULL::cinames, k);
-- with text, SELECT compares citext as text
SELECT k, cache.read(NULL::cinames, k), (SELECT r FROM cinames r WHERE r.id = k) FROM unnest('{Anna,ANNA,anna,anne,Annb}'::text[]) k;
SELECT * FROM cache.read_many(NULL::cinames, '{ANNA,ANNE,Annb}');

-- changed under any name, it is changed under every name
UPDATE names SET n = 10 WHERE id = 'aNNa';
UPDATE cinames SET n = 10 WHERE id = 'aNNa';
SELECT k, (cache.read(NULL::names, k)).n, (cache.read(NULL::cinames, k::citext)).n FROM unnest('{Anna,ANNA,anna}'::text[]) k;
SELECT k, outcome FROM unnest('{Anna,ANNA}'::text[]) k, cache.explain(NULL::names, k);
-- the spelling itself changes
UPDATE names SET id = 'anna' WHERE id = 'ANNA';
UPDATE cinames SET id = 'anna' WHERE id = 'ANNA';
SELECT k, cache.read(NULL::names, k), cache.read(NULL::cinames, k::citext) FROM unnest('{Anna,ANNA,anna}'::text[]) k;
-- written under another name: the row keeps its own
SELECT cache.write(ROW('ANNA', 11)::names), cache.write(ROW('ANNA', 11)::cinames);
SELECT cache.increment(NULL::names, 'n', 1, 'aNNA'), cache.increment(NULL::cinames, 'n', 1, 'aNNA');
SELECT * FROM cache.read(NULL::names, 'Anna');
SELECT * FROM cache.read(NULL::cinames, 'Anna');
SELECT cache.remove(NULL::names, 'ANNE'), cache.remove(NULL::cinames, 'ANNE');
SELECT cache.read(NULL::names, 'anne'), cache.read(NULL::cinames, 'anne');
SELECT * FROM names;
SELECT * FROM cinames;

-- a unique index of another collation is not the key: writing a row that it
-- refuses is an error, not a change of that other row
CREATE TABLE strict (id text COLLATE "C" PRIMARY KEY, n int);
CREATE UNIQUE INDEX strict_nocase ON strict (id COLLATE nocase);
SELECT cache.attach('strict');
SELECT cache.write(ROW('a', 1)::strict);
SELECT cache.write(ROW('A', 2)::strict);
SELECT cache.write(ROW('a', 2)::strict);
SELECT * FROM strict;

DROP TABLE names, cinames, strict;
DROP COLLATION nocase;
DROP EXTENSION citext;
