/*-------------------------------------------------------------------------
 *
 * transaction.c
 *		What a client knows of its transaction, and what it remembers of it.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "client.h"

/* ----- what it has found ----- */

static void
log_read(Client *c, int key, Value value)
{
	Read	   *r = LOG_ADD(c->history->reads);

	r->key = key;
	r->value = value;
	r->began = c->began;
	r->ended = c->ended;
	r->statement = c->statement;
	COUNT(reads);
	if (value == NOTHING)
		COUNT(found_nothing);
}

static bool
agrees(Value expected, Value value)
{
	if (value == UNKNOWN)
		return true;			/* and reported already */
	return value == SOMETHING ? expected != NOTHING : expected == value;
}

/* The last statement has shown this in a key. */
void
observe(Client *c, int key, Value value)
{
	KeyState   *s = key_state(c, key);
	bool		vanished = value == NOTHING && (keys[key].kind == TAGGED || (lossy && !s->changed));

	if (c->in_txn && s->known && !vanished)
	{
		COUNT(own_reads);
		if (!agrees(s->value, value))
			violation("client %d, transaction %d, sees %lx in %s, not %lx, which it %s",
					  c->number, c->txn, (long) value, keys[key].name, (long) s->value,
					  s->changed ? "has put there" : "has locked");
	}
	/* no other client can make a tag anew that it has invalidated */
	if (keys[key].kind == TAGGED && value > 0 && !s->changed && (VALUE_TAGS(value) & state(c)->invalidated) &&
		!(VALUE_CLIENT(value) == c->number && VALUE_NUMBER(value) >= c->first_writing))
		violation("client %d sees a value in %s whose tag it has invalidated", c->number, keys[key].name);
	if (s->changed)
		return;
	log_read(c, key, value);
	if (s->locked && value != SOMETHING && value != UNKNOWN)
	{
		s->known = true;
		s->value = value;
	}
}

static void
lock_key(Client *c, int key)
{
	key_state(c, key)->locked = true;
}

/* The present transaction has put this into a key, which it has locked. */
static void
change(Client *c, int key, Value value)
{
	KeyState   *s = key_state(c, key);

	if (!s->changed)
		s->old = s->known ? s->value : UNKNOWN;
	s->known = s->changed = true;
	s->value = value;
	COUNT(changes);
}

static void
note_writing(Client *c, Value value)
{
	Writing    *w = &c->history->writings.items[VALUE_NUMBER(value)];

	w->began = c->began;
	w->ended = c->ended;
}

/* ----- what it has changed ----- */

static void
log_change(Client *c, int key, Value old, Value new)
{
	Change	   *change = LOG_ADD(c->history->changes);

	change->key = key;
	change->old = old;
	change->new = new;
	c->history->txns.items[c->history->txns.n - 1].nchanges++;
}

static Txn *
log_txn(Client *c)
{
	Txn		   *txn = LOG_ADD(c->history->txns);

	txn->first_change = c->history->changes.n;
	return txn;
}

/* At once, by the last statement. */
static void
log_immediate(Client *c, int key, Value old, Value new)
{
	Txn			present = c->history->txns.items[c->txn];
	Txn		   *txn = &c->history->txns.items[c->txn];

	/* The present one stays the last. */
	txn->began = c->began;
	txn->ended = c->ended;
	txn->committed = true;
	log_change(c, key, old, new);
	log_txn(c);
	c->txn++;
	for (int i = c->first_invalidation; i < c->history->invalidations.n; i++)
		c->history->invalidations.items[i].txn = c->txn;
	present.first_change = c->history->changes.n;
	c->history->txns.items[c->txn] = present;
}

/*
 * The last statement has found 'old' (UNKNOWN: it did not say) and, unless that
 * is the same, has left 'new'.
 */
void
effect(Client *c, int key, bool immediate, Value old, bool changed, Value new)
{
	if (changed && new != NOTHING && keys[key].kind != COUNTER && keys[key].kind != ROW)
		note_writing(c, new);
	if (immediate)
	{
		if (old != UNKNOWN)
			log_read(c, key, old);
		if (changed)
			log_immediate(c, key, old, new);
		COUNT(immediate);
		return;
	}
	lock_key(c, key);
	if (old != UNKNOWN)
		observe(c, key, old);
	if (changed)
		change(c, key, new);
}

/* ----- transactions ----- */

void
start(Client *c, bool explicit)
{
	memset(&c->states[0], 0, sizeof(State));
	c->depth = 0;
	c->first_writing = c->history->writings.n;
	c->first_invalidation = c->states[0].ninvalidations = c->history->invalidations.n;
	log_txn(c);
	c->txn = c->history->txns.n - 1;
	c->failed = false;
	c->in_txn = false;
	if (explicit && !command(c, "BEGIN"))
		die("BEGIN", c->sqlstate);
	c->in_txn = explicit;
	COUNT(transactions);
}

/* The last statement has committed the transaction, or it has not been. */
void
end(Client *c, bool committed)
{
	Txn		   *txn = &c->history->txns.items[c->txn];
	State	   *s = &c->states[c->depth];
	int			row = first_of[ROW] + c->number;

	txn->committed = committed;
	txn->began = c->began;
	txn->ended = c->ended;
	if (committed)
	{
		for (int key = 0; key < nkeys; key++)
			if (s->keys[key].changed)
				log_change(c, key, s->keys[key].old, s->keys[key].value);
		if (s->keys[row].changed)
			c->row = s->keys[row].value;
		COUNT(commits);
	}
	else
	{
		c->history->invalidations.n = c->first_invalidation;
		COUNT(rollbacks);
	}
	c->in_txn = c->failed = false;
	c->depth = 0;
	memset(&c->states[0], 0, sizeof(State));
}

void
push_savepoint(Client *c)
{
	if (c->depth == MAX_DEPTH || !command(c, "SAVEPOINT s"))
		return;
	c->states[c->depth + 1] = c->states[c->depth];
	c->depth++;
}

void
roll_back_to_savepoint(Client *c)
{
	c->failed = false;
	if (!command(c, "ROLLBACK TO s") || !command(c, "RELEASE s"))
		die("ROLLBACK TO", c->sqlstate);
	c->depth--;
	c->history->invalidations.n = state(c)->ninvalidations;
	COUNT(savepoint_rollbacks);
}

void
release_savepoint(Client *c)
{
	if (!command(c, "RELEASE s"))
		return;
	c->states[c->depth - 1] = c->states[c->depth];
	c->depth--;
}
