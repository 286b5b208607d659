-- Documents of some size, as an application would keep them in a jsonb column:
-- an article with its comments.  The text is made of words, some of them
-- frequent, so that it can be compressed as text can.

SELECT setseed(0.5);

-- 400 paragraphs of 150 words, of a vocabulary of 300.
CREATE TABLE paragraphs AS
	SELECT i AS id, string_agg(w[1 + (random() ^ 2 * 299)::int], ' ') AS text
	FROM generate_series(0, 399) i, generate_series(1, 150),
		(SELECT array_agg(substr(md5(i::text), 1, 2 + i % 8)) AS w FROM generate_series(1, 300) i) v
	GROUP BY i;
ALTER TABLE paragraphs ADD PRIMARY KEY (id);

CREATE FUNCTION document(id int, bytes int) RETURNS jsonb
LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object(
		'title', 'Article ' || document.id,
		'price', document.id * 7919 % 10000,
		'comments', jsonb_agg(jsonb_build_object(
			'author', md5(random()::text),
			'stars', 1 + (random() * 4)::int,
			'text', p.text)))
	FROM generate_series(1, bytes / 1040) i JOIN paragraphs p ON p.id = (document.id * 7919 + i * 104729) % 400
$$;
