/*-------------------------------------------------------------------------
 *
 * operation.c
 *		Each operation on a key that there is, and what its answer says.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "client.h"

static const char *
yes(bool flag)
{
	return flag ? "true" : "false";
}

/* ----- reading ----- */

void
do_get(Client *c, int key)
{
	PGresult   *result = CALL(c, "get", keys[key].name, keys[key].space);

	if (result == NULL)
		return;
	observe(c, key, value_of(key, field(result)));
	PQclear(result);
}

/* A row, and four keys, in this order. */
static void
do_look(Client *c)
{
	int			client = chance(c, nclients);
	int			k[4];
	char		id[12];
	PGresult   *result;

	for (int i = 0; i < 4; i++)
		k[i] = chance(c, first_of[ROW]);
	snprintf(id, sizeof(id), "%d", client);
	result = CALL(c, "look", id, keys[k[0]].name, keys[k[0]].space, keys[k[1]].name, keys[k[1]].space,
				  keys[k[2]].name, keys[k[2]].space, keys[k[3]].name, keys[k[3]].space);
	if (result == NULL)
		return;
	observe(c, first_of[ROW] + client, value_of(first_of[ROW] + client, field(result)));
	for (int i = 0; i < 4; i++)
		observe(c, k[i], value_of(k[i], PQgetisnull(result, 0, i + 1) ? NULL : PQgetvalue(result, 0, i + 1)));
	PQclear(result);
}

/* Some registers, or all keys of a space of one kind. */
static void
do_get_many(Client *c)
{
	KeyKind		kind = chance(c, 2) == 0 ? REGISTER : chance(c, ROW);
	char		array[256] = "{";
	int			list[MAX_KEYS] = {0};
	int			n = 0;
	PGresult   *result;

	for (int key = first_of[kind]; key < first_of[kind + 1]; key++)
	{
		list[n++] = key;
		strcat(strcat(array, n == 1 ? "" : ","), keys[key].name);
	}
	strcat(array, "}");
	result = CALL(c, "get_many", array, keys[list[0]].space);
	if (result == NULL)
		return;
	for (int i = 0; i < n; i++)
		observe(c, list[i], value_of(list[i], PQgetisnull(result, i, 0) ? NULL : PQgetvalue(result, i, 0)));
	PQclear(result);
}

static void
do_exists(Client *c, int key)
{
	PGresult   *result = CALL(c, "exists", keys[key].name, keys[key].space);

	if (result == NULL)
		return;
	observe(c, key, is_true(result) ? SOMETHING : NOTHING);
	PQclear(result);
}

/* A listing need not be of one moment, but of the key there is one answer. */
static void
do_keys(Client *c, int key)
{
	PGresult   *result = CALL(c, "keys", keys[key].name, keys[key].space);

	if (result == NULL)
		return;
	observe(c, key, atoi(field(result)) > 0 ? SOMETHING : NOTHING);
	if (atoi(field(result)) > 1)
		violation("%s was listed %s times", keys[key].name, field(result));
	PQclear(result);
}

void
do_read(Client *c, int key)
{
	switch (chance(c, 8))
	{
		case 0:
			do_look(c);
			break;
		case 1:
			do_get_many(c);
			break;
		case 2:
			if (keys[key].kind == LIFE)
				do_exists(c, key);
			break;
		case 3:
			if (keys[key].kind == LIFE)
				do_keys(c, key);
			break;
		default:
			do_get(c, key);
	}
}

/* ----- changing ----- */

/* Lock it by a change that leaves the value alone, and read it then. */
static void
do_lock_and_get(Client *c, int key)
{
	PGresult   *result = CALL(c, chance(c, 2) ? "expire" : "persist", keys[key].name, keys[key].space);

	if (result == NULL)
		return;
	effect(c, key, false, UNKNOWN, false, UNKNOWN);
	PQclear(result);
	if (c->in_txn)
		do_get(c, key);
}

void
do_set(Client *c, int key, bool immediate)
{
	char		text[MAX_TEXT];
	Value		value = new_value(c, key, keys[key].kind == TAGGED ? 1 + chance(c, (1 << NTAGS) - 1) : 0);
	const char *tags[] = {"{}", "{t0}", "{t1}", "{t0,t1}"};
	PGresult   *result;

	text_of(value, text);
	result = keys[key].kind == TAGGED
		? CALL(c, "set tagged", keys[key].name, keys[key].space, text, yes(immediate), tags[VALUE_TAGS(value)])
		: CALL(c, "set", keys[key].name, keys[key].space, text, yes(immediate));
	if (result == NULL)
		return;
	if (!is_true(result))
		violation("set() of %s answered that it did not", keys[key].name);
	effect(c, key, immediate, UNKNOWN, true, value);
	PQclear(result);
}

static void
do_set_two(Client *c, int key, int other)
{
	char		texts[2][MAX_TEXT];
	Value		values[2] = {new_value(c, key, 0), new_value(c, other, 0)};
	PGresult   *result;

	if (key == other)
		return;
	result = CALL(c, "set two", keys[key].name, keys[key].space, keys[other].name,
				  text_of(values[0], texts[0]), text_of(values[1], texts[1]));
	if (result == NULL)
		return;
	effect(c, key, false, UNKNOWN, true, values[0]);
	effect(c, other, false, UNKNOWN, true, values[1]);
	PQclear(result);
}

static void
do_add(Client *c, int key, bool immediate, bool replace)
{
	char		text[MAX_TEXT];
	Value		value = new_value(c, key, 0);
	PGresult   *result = CALL(c, replace ? "replace" : "add", keys[key].name, keys[key].space,
							  text_of(value, text), yes(immediate));

	if (result == NULL)
		return;
	effect(c, key, immediate, is_true(result) == replace ? SOMETHING : NOTHING, is_true(result), value);
	PQclear(result);
}

static void
do_delete(Client *c, int key, bool immediate)
{
	PGresult   *result = CALL(c, "delete", keys[key].name, keys[key].space, yes(immediate));

	if (result == NULL)
		return;
	effect(c, key, immediate, is_true(result) ? SOMETHING : NOTHING, is_true(result), NOTHING);
	PQclear(result);
}

static void
do_take(Client *c, int key, bool immediate)
{
	PGresult   *result = CALL(c, "take", keys[key].name, keys[key].space, yes(immediate));
	Value		old;

	if (result == NULL)
		return;
	old = value_of(key, field(result));
	effect(c, key, immediate, old, old != NOTHING, NOTHING);
	PQclear(result);
}

/* Get, and replace what that has shown, if it is still there. */
static void
do_swap(Client *c, int key, bool immediate)
{
	PGresult   *result = CALL(c, "get", keys[key].name, keys[key].space);
	char		text[MAX_TEXT];
	char		expected[MAX_TEXT];
	Value		old;
	Value		value;

	if (result == NULL)
		return;
	old = value_of(key, field(result));
	observe(c, key, old);
	PQclear(result);
	if (old == UNKNOWN || (old == NOTHING && keys[key].kind == TAGGED))
		return;
	value = new_value(c, key, 0);
	result = CALL(c, "swap", keys[key].name, keys[key].space, old == NOTHING ? NULL : text_of(old, expected),
				  text_of(value, text), yes(immediate));
	if (result == NULL)
		return;
	if (is_true(result))
		effect(c, key, immediate, old, true, value);
	else
	{
		KeyState   *s = key_state(c, key);

		if (!immediate && c->in_txn && s->known && s->value == old && !lossy && keys[key].kind != TAGGED)
			violation("compare_and_set() of %s did not find what its transaction had locked", keys[key].name);
		effect(c, key, immediate, UNKNOWN, false, UNKNOWN);
	}
	PQclear(result);
}

void
do_increment(Client *c, int key, bool immediate)
{
	int			delta = 1 + chance(c, 3);
	char		text[12];
	PGresult   *result;
	Value		value;

	snprintf(text, sizeof(text), "%d", delta);
	result = CALL(c, "incr", keys[key].name, keys[key].space, text, yes(immediate));
	if (result == NULL)
		return;
	value = value_of(key, field(result));
	effect(c, key, immediate, value - delta, true, value);
	PQclear(result);
}

void
do_invalidate(Client *c, bool immediate)
{
	int			tag = chance(c, NTAGS);
	char		name[8];
	PGresult   *result;
	Invalidation *inv;

	snprintf(name, sizeof(name), "t%d", tag);
	result = CALL(c, "invalidate", name, SPACE, yes(immediate));
	if (result == NULL)
		return;
	PQclear(result);
	inv = LOG_ADD(c->history->invalidations);
	inv->tag = tag;
	inv->txn = c->txn;
	inv->stated = c->began;
	COUNT(invalidations);
	state(c)->ninvalidations++;
	state(c)->invalidated |= 1 << tag;
	for (int key = first_of[TAGGED]; key < first_of[TAGGED + 1]; key++)
	{
		KeyState   *s = key_state(c, key);

		if (s->known && s->value > 0 && (VALUE_TAGS(s->value) & (1 << tag)))
			s->value = NOTHING;
	}
}

static void
change_register(Client *c, int key, bool immediate)
{
	KeyState   *s = key_state(c, key);

	if (lossy && chance(c, 3) == 0)
		do_add(c, key, immediate, false);
	else if (immediate || !c->in_txn || chance(c, 2) == 0)
		do_swap(c, key, immediate);
	else
	{
		do_lock_and_get(c, key);
		if (!c->failed && (s->known || lossy))
			do_set(c, key, false);
	}
}

static void
change_life(Client *c, int key, bool immediate)
{
	switch (chance(c, 10))
	{
		case 0:
		case 1:
			do_set(c, key, immediate);
			break;
		case 2:
		case 3:
			do_add(c, key, immediate, false);
			break;
		case 4:
			do_add(c, key, immediate, true);
			break;
		case 5:
			do_delete(c, key, immediate);
			break;
		case 6:
		case 7:
			do_take(c, key, immediate);
			break;
		case 8:
			do_swap(c, key, immediate);
			break;
		default:
			if (immediate || !c->in_txn)
				do_set(c, key, immediate);
			else if (chance(c, 2) == 0)
				do_lock_and_get(c, key);
			else
				do_set_two(c, key, first_of[LIFE] + chance(c, first_of[LIFE + 1] - first_of[LIFE]));
	}
}

void
change_key(Client *c, int key, bool immediate)
{
	switch (keys[key].kind)
	{
		case REGISTER:
			change_register(c, key, immediate);
			break;
		case LIFE:
			change_life(c, key, immediate);
			break;
		case COUNTER:
			do_increment(c, key, immediate);
			break;
		default:
			if (!immediate && chance(c, 4) == 0)
				do_invalidate(c, false);
			else if (chance(c, 3) == 0)
				do_swap(c, key, immediate);
			else
				do_set(c, key, immediate);
	}
}

void
change_row(Client *c)
{
	int			key = first_of[ROW] + c->number;
	KeyState   *s = key_state(c, key);
	char		id[12];
	char		text[24];
	Value		value = c->txn + 1;
	PGresult   *result;

	snprintf(id, sizeof(id), "%d", c->number);
	snprintf(text, sizeof(text), "%ld", (long) value);
	result = CALL(c, "row", text, id);
	if (result == NULL)
		return;
	PQclear(result);
	/* no other client changes it */
	effect(c, key, false, s->changed ? UNKNOWN : c->row, true, value);
}
