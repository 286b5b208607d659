-- What the extension consists of, a line for each property of each object, without
-- OIDs and in an order of its own.  What two ways to install it leave is compared.

CREATE FUNCTION pg_temp.acl(aclitem[]) RETURNS text LANGUAGE sql
AS $$SELECT coalesce(string_agg(a::text, ',' ORDER BY a::text COLLATE "C"), '') FROM unnest($1) a$$;

CREATE TEMP VIEW members AS
	SELECT d.classid, d.objid, o.type, o.identity
	FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) o
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_strategies');

CREATE TEMP VIEW lines AS
	SELECT type, identity, 'is there' AS what FROM members
	UNION ALL
	SELECT type, identity, 'comment: ' || d.description FROM members m JOIN pg_description d ON (d.classoid, d.objoid, d.objsubid) = (m.classid, m.objid, 0)
	UNION ALL
	SELECT type, identity, 'initial privileges of ' || i.objsubid || ': ' || pg_temp.acl(i.initprivs) FROM members m JOIN pg_init_privs i ON (i.classoid, i.objoid) = (m.classid, m.objid)
	UNION ALL
	SELECT type, identity, format('%s, owner %s, privileges %s', pg_get_functiondef(p.oid), p.proowner::regrole, pg_temp.acl(p.proacl))
	FROM members m JOIN pg_proc p ON (m.classid, m.objid) = ('pg_proc'::regclass, p.oid)
	UNION ALL
	SELECT type, identity, format('%s %s, owner %s, privileges %s, options %s, row-level security %s', c.relkind, c.relpersistence, c.relowner::regrole, pg_temp.acl(c.relacl), c.reloptions, c.relrowsecurity)
	FROM members m JOIN pg_class c ON (m.classid, m.objid) = ('pg_class'::regclass, c.oid)
	UNION ALL
	SELECT type, identity, pg_get_viewdef(c.oid) FROM members m JOIN pg_class c ON (m.classid, m.objid) = ('pg_class'::regclass, c.oid) WHERE relkind = 'v'
	UNION ALL
	SELECT type, identity, format('column %s: %s %s, not null %s, default %s, privileges %s, comment %s',
		row_number() OVER (PARTITION BY c.oid ORDER BY attnum), attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),
		pg_temp.acl(attacl), col_description(c.oid, attnum))
	FROM members m JOIN pg_class c ON (m.classid, m.objid) = ('pg_class'::regclass, c.oid)
		JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_attrdef ON (adrelid, adnum) = (c.oid, attnum)
	UNION ALL
	SELECT type, identity, format('constraint %s: %s', conname, pg_get_constraintdef(o.oid)) FROM members m JOIN pg_constraint o ON (m.classid, m.objid) = ('pg_class'::regclass, o.conrelid)
	UNION ALL
	SELECT type, identity, 'index: ' || pg_get_indexdef(indexrelid) FROM members m JOIN pg_index ON (m.classid, m.objid) = ('pg_class'::regclass, indrelid)
	UNION ALL
	SELECT type, identity, format('trigger: %s, enabled %s', pg_get_triggerdef(t.oid), tgenabled)
	FROM members m JOIN pg_trigger t ON (m.classid, m.objid) = ('pg_class'::regclass, tgrelid) WHERE NOT tgisinternal
	UNION ALL
	SELECT type, identity, format('sequence: %s of %s to %s by %s, cycles %s, owned by %s', seqtypid::regtype, seqmin, seqmax, seqincrement, seqcycle,
		(SELECT pg_describe_object(refclassid, refobjid, refobjsubid) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = seqrelid AND d.deptype IN ('a', 'i') AND refobjsubid > 0))
	FROM members m JOIN pg_sequence ON (m.classid, m.objid) = ('pg_class'::regclass, seqrelid)
	UNION ALL
	SELECT type, identity, format('on %s of %s: %s, enabled %s', evtevent, evttags, evtfoid::regprocedure, evtenabled)
	FROM members m JOIN pg_event_trigger e ON (m.classid, m.objid) = ('pg_event_trigger'::regclass, e.oid)
	UNION ALL
	SELECT type, identity, format('owner %s, privileges %s', nspowner::regrole, pg_temp.acl(nspacl)) FROM members m JOIN pg_namespace n ON (m.classid, m.objid) = ('pg_namespace'::regclass, n.oid)
	UNION ALL
	SELECT 'extension', extname, format('version %s, schema %s, relocatable %s', extversion, extnamespace::regnamespace, extrelocatable) FROM pg_extension WHERE extname = 'cache_strategies'
	UNION ALL
	SELECT 'extension', extname, format('dumped: %s %s', t, c) FROM pg_extension, unnest(extconfig::regclass[], extcondition) x(t, c) WHERE extname = 'cache_strategies';

SELECT line FROM (SELECT format('%s %s: %s', type, identity, regexp_replace(what, '\s+', ' ', 'g')) AS line FROM lines) l ORDER BY line COLLATE "C";
