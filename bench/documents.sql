-- Documents of some size, as an application would keep them in a jsonb column:
-- an article with its comments.  The text is made of words, some of them
-- frequent, so that it can be compressed as text can.

SELECT setseed(0.5);

CREATE FUNCTION words(n int) RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(w[1 + (random() ^ 2 * 299)::int], ' ')
	FROM generate_series(1, n),
		(SELECT array_agg(substr(md5(i::text), 1, 2 + i % 8)) AS w FROM generate_series(1, 300) i) v
$$;

CREATE FUNCTION document(id int, bytes int) RETURNS jsonb
LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object(
		'title', format('Article %s: %s', id, words(6)),
		'price', id * 7919 % 10000,
		'text', words(bytes / 30),
		'comments', (SELECT jsonb_agg(jsonb_build_object(
				'author', md5(random()::text),
				'stars', 1 + (random() * 4)::int,
				'text', words(140)))
			FROM generate_series(1, bytes / 1250)))
$$;
