"""What the Python clients have in common: the calls, a model's life cycle, the
migrations, and the code of docs/applications.md."""

import datetime
import decimal
import json
import os
import re
import subprocess
import sys
import traceback
import uuid

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STRATEGIES = ["cache_aside", "read_through", "write_through", "write_around"]

count = 0
failed = 0


def ok(good, title, *diagnostics):
    global count, failed
    count += 1
    print("%s %d - %s" % ("ok" if good else "not ok", count, title))
    if not good:
        failed += 1
        for line in diagnostics:
            print("# " + str(line).replace("\n", "\n# "))
    sys.stdout.flush()
    return good


def same(got, expected, title):
    return ok(got == expected, title, "got:      %r" % (got,), "expected: %r" % (expected,))


def skip(title, reason):
    global count
    count += 1
    print("ok %d - %s # SKIP %s" % (count, title, reason))


def done():
    print("1..%d" % count)
    sys.exit(1 if failed else 0)


def not_here(reason):
    print("1..0 # SKIP " + reason)
    sys.exit(0)


def psql(sql):
    """By another session than the client's."""
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-1"], input=sql, text=True, check=True,
                   stdout=subprocess.DEVNULL, env=dict(os.environ, PGOPTIONS="-c client_min_messages=warning"))


def stored(table):
    """What is in the table once what was deferred is flushed, by psql."""
    if table.endswith("write_back"):
        psql("SELECT cache.flush('%s')" % table)
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", "SELECT * FROM %s ORDER BY id" % table],
                          text=True, check=True, stdout=subprocess.PIPE).stdout.split("\n")


# ----- values -----

def value_of(kind, text):
    if kind == "null":
        return None
    if kind in ("int", "bigint"):
        return int(text)
    if kind == "number":
        return decimal.Decimal(text)
    if kind == "bool":
        return text == "true"
    if kind == "bytes":
        return bytes.fromhex(text)
    if kind == "ints":
        return [int(x) for x in text.split(",") if x]
    if kind == "texts":
        return text.split(",")
    if kind == "uuid":
        return uuid.UUID(text)
    if kind == "date":
        return datetime.date.fromisoformat(text)
    if kind == "interval":
        number, unit = text.split()
        return datetime.timedelta(**{unit.rstrip("s") + "s": int(number)})
    return text             # text and json


def text_of(value):
    """As the expected rows have it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, (dict, list)):
        value = json.dumps(value, ensure_ascii=False)
    value = str(value)
    if value[:1] in ("{", "["):
        value = json.dumps(json.loads(value), ensure_ascii=False, separators=(",", ":"))
    return value


def plain(row):
    """A row that can be compared."""
    return [bytes(v) if isinstance(v, memoryview) else v for v in row]


# ----- calls -----

def read_calls():
    call = None
    for line in open(os.path.join(HERE, "calls.txt"), encoding="utf-8"):
        line = line.rstrip("\n")
        if line.startswith("#"):
            continue
        if line == "":
            if call:
                yield call
            call = None
        elif call is None:
            call = {"title": line, "params": [], "rows": [], "twin": None, "void": False, "changed": None}
        elif line.startswith("! "):
            call["changed"] = int(line[2:])
        elif line == "void":
            call["void"] = True
        elif line.startswith("? "):
            call["sql"] = line[2:]
        elif line.startswith("< "):
            kind, _, text = line[2:].partition(" ")
            call["params"].append((kind, value_of(kind, text)))
        elif line.startswith("> "):
            call["rows"].append(line[2:])
        elif line.startswith("= "):
            call["twin"] = line[2:]
        else:
            raise Exception("what is " + line)
    if call:
        yield call


def calls(client, **variant):
    """client.connect(**variant) gives a connection with rows(SQL, values) and
    close(); client.parameter(kind, value) what its users give for a value."""
    psql(open(os.path.join(HERE, "calls.sql")).read())
    connection = client.connect(**variant)
    suffix = "".join(" (%s)" % v for v in variant)
    for call in read_calls():
        title = call["title"] + suffix
        params = [client.parameter(kind, value) for kind, value in call["params"]]
        try:
            if call["void"]:
                connection.run(call["sql"], params)
                ok(True, title)
                continue
            if call["changed"] is not None:
                same(connection.run(call["sql"], params), call["changed"], title)
                continue
            got = [plain(row) for row in connection.rows(call["sql"], params)]
            if call["twin"]:
                expected = [plain(row) for row in connection.rows(call["twin"], params)]
                same(got, expected, title)
            else:
                same([" | ".join(map(text_of, row)) for row in got], call["rows"], title)
        except Exception as e:
            ok(False, title, call["sql"], "%s: %s" % (client.sqlstate(e), e))
    connection.close()


# ----- life cycle -----

class Check:
    """Compares what cache.read() and the SELECT give in one connection."""

    def __init__(self, client, rows, table):
        self.client, self.rows, self.table = client, rows, table

    def __call__(self, title, *ids):
        t = self.table
        differences = []
        given = lambda kind, v: self.client.parameter(kind, v)
        for _ in range(2):          # what the first round has filled is compared, too
            for id in ids:
                expected = self.rows("SELECT * FROM %s WHERE id = $1" % t, [given("int", id)])
                for sql in ("SELECT * FROM cache.read(NULL::%s, $1) WHERE id IS NOT NULL" % t,
                            "SELECT * FROM cache.read(NULL::%s, $1::int) WHERE id IS NOT NULL" % t):
                    got = self.rows(sql, [given("int", id)])
                    if [plain(r) for r in got] != [plain(r) for r in expected]:
                        differences += [sql, "got:      %r" % (got,), "expected: %r" % (expected,)]
            expected = self.rows("SELECT t.* FROM unnest($1::int[]) WITH ORDINALITY k(id) JOIN %s t USING (id)"
                                 " ORDER BY ordinality" % t, [given("ints", list(ids))])
            sql = "SELECT * FROM cache.read_many(NULL::%s, $1::int[])" % t
            got = self.rows(sql, [given("ints", list(ids))])
            if [plain(r) for r in got] != [plain(r) for r in expected]:
                differences += [sql, "got:      %r" % (got,), "expected: %r" % (expected,)]
        ok(not differences, "%s: %s: read as the table has it" % (t, title), *differences)


def life_cycle(client, model_of):
    """model_of(table) gives a model with create(**fields), find(id), update(id, **fields),
    save(id, **fields), reload(id, change), delete(id), optimistic(id, version, **fields),
    list(ids), transaction(function), savepoint(function) and rows(SQL, values)."""
    for t in STRATEGIES:
        try:
            one_life(client, model_of(t), t)
        except Exception as e:
            ok(False, "%s: life cycle" % t, "%s: %s" % (client.sqlstate(e), e), traceback.format_exc())


class Undo(Exception):
    pass


def one_life(client, m, t):
    check = Check(client, m.rows, t)
    id = m.create(name="lamp", price=decimal.Decimal("19.50"), stock=3)
    check("created", id)
    same(m.find(id)["name"], "lamp", "%s: found by key" % t)
    same(m.update(id, stock=2), 1, "%s: one row is updated" % t)
    check("updated", id)
    m.save(id, name="desk lamp", stock=4)
    check("saved", id)
    same((m.find(id)["name"], m.find(id)["stock"]), ("desk lamp", 4), "%s: what was saved is found" % t)
    found = m.reload(id, lambda: psql("UPDATE %s SET stock = 77 WHERE id = %d" % (t, id)))
    same(found["stock"], 77, "%s: reloaded after another session's change" % t)
    check("changed by another session", id)
    same(m.optimistic(id, 0, stock=5), 1, "%s: optimistic locking, first" % t)
    same(m.optimistic(id, 0, stock=6), 0, "%s: optimistic locking, too late" % t)
    check("locked optimistically", id)
    ids = [id] + [m.create(name="lamp %d" % i, stock=i) for i in range(3)]
    same(sorted(row["name"] for row in m.list(ids)), ["desk lamp", "lamp 0", "lamp 1", "lamp 2"], "%s: list by IN" % t)
    check("listed", *ids)

    def outer():
        m.update(id, name="in a transaction")
        check("in a transaction that changed it", *ids)
        raise Undo()
    try:
        m.transaction(outer)
    except Undo:
        pass
    same(m.find(id)["name"], "desk lamp", "%s: rolled back" % t)
    check("rolled back", *ids)

    def inner():
        m.update(id, stock=20)
        check("in a savepoint", *ids)
        raise Undo()

    def with_savepoint():
        m.update(id, stock=10)
        check("before a savepoint", *ids)
        try:
            m.savepoint(inner)
        except Undo:
            pass
        check("rolled back to a savepoint", *ids)
    m.transaction(with_savepoint)
    same(m.find(id)["stock"], 10, "%s: committed with a savepoint rolled back" % t)
    check("committed", *ids)
    m.delete(id)
    same(m.find(id), None, "%s: deleted" % t)
    check("deleted", *ids)
    same([list(r) for r in m.rows("SELECT outcome FROM cache.explain(NULL::%s, $1::int)" % t,
                                  [client.parameter("int", ids[1])])], [["hit"]], "%s: answered from the cache" % t)


class SqlModel:
    """For drivers without models: the connection begins, commits and rolls back."""

    def __init__(self, client, connection, table):
        self.client, self.c, self.t = client, connection, table
        self.rows = connection.rows

    def p(self, value):
        kind = {int: "int", str: "text", decimal.Decimal: "number"}[type(value)]
        return self.client.parameter(kind, value)

    def sets(self, fields, first):
        return ", ".join("%s = $%d" % (f, first + i) for i, f in enumerate(fields))

    def create(self, **fields):
        sql = "INSERT INTO %s (%s) VALUES (%s) RETURNING id" % (
            self.t, ", ".join(fields), ", ".join("$%d" % (i + 1) for i in range(len(fields))))
        return self.rows(sql, [self.p(v) for v in fields.values()])[0][0]

    def find(self, id):
        rows = self.rows("SELECT name, stock, version FROM %s WHERE id = $1" % self.t, [self.p(id)])
        return dict(zip(("name", "stock", "version"), rows[0])) if rows else None

    def update(self, id, **fields):
        sql = "UPDATE %s SET %s WHERE id = $%d" % (self.t, self.sets(fields, 1), len(fields) + 1)
        return self.c.run(sql, [self.p(v) for v in fields.values()] + [self.p(id)])

    save = update

    def reload(self, id, change):
        change()
        return self.find(id)

    def delete(self, id):
        return self.c.run("DELETE FROM %s WHERE id = $1" % self.t, [self.p(id)])

    def optimistic(self, id, version, **fields):
        sql = "UPDATE %s SET %s, version = version + 1 WHERE id = $%d AND version = $%d" % (
            self.t, self.sets(fields, 1), len(fields) + 1, len(fields) + 2)
        return self.c.run(sql, [self.p(v) for v in fields.values()] + [self.p(id), self.p(version)])

    def list(self, ids):
        rows = self.rows("SELECT name FROM %s WHERE id IN (%s)" % (
            self.t, ", ".join("$%d" % (i + 1) for i in range(len(ids)))), [self.p(i) for i in ids])
        return [{"name": r[0]} for r in rows]

    def transaction(self, function):
        return self.c.transaction(function)

    def savepoint(self, function):
        return self.c.transaction(function)


# ----- migrations -----

def read_migrations():
    text = open(os.path.join(HERE, "migrations.txt")).read()
    for block in re.split(r"\n\n+", text.strip()):
        lines = [l for l in block.split("\n") if not l.startswith("#")]
        if lines:
            yield lines[0], lines[1:]


def outcome(client, connection, sql, params):
    try:
        return [plain(row) for row in connection.rows(sql, params)]
    except Exception as e:
        return client.sqlstate(e)


# What is read, by cache.read() and by the SELECT.
STATEMENTS = [
    ("SELECT *", "SELECT * FROM %s WHERE id IS NOT NULL", "SELECT * FROM m WHERE id = $1"),
    ("SELECT columns", "SELECT name, price, stock FROM %s WHERE id IS NOT NULL",
     "SELECT name, price, stock FROM m WHERE id = $1"),
]


def migrations(client, **variant):
    """A prepared read behaves as the prepared SELECT in another connection does."""
    start = open(os.path.join(HERE, "migration.sql")).read()
    for title, change in read_migrations():
        for kind, read, select in STATEMENTS:
            psql(start)
            results = []
            for sql in (select, read % "cache.read(NULL::m, $1)"):
                results.append([client.connect(**variant), sql, []])
            try:
                for _ in range(7):          # until drivers and plans have settled
                    for connection, sql, seen in results:
                        seen[:] = [outcome(client, connection, sql, [client.parameter("int", 1)])]
                psql(";\n".join(change))
                for _ in range(3):
                    for connection, sql, seen in results:
                        seen.append(outcome(client, connection, sql, [client.parameter("int", 1)]))
            finally:
                for connection, sql, seen in results:
                    connection.close()
            same(results[1][2], results[0][2], "%s, %s prepared" % (title, kind)
                 + "".join(" (%s)" % v for v in variant))


# ----- the code of the page -----

def page(name, namespace, values, *arguments):
    """The code of docs/applications.md for it, ```LANGUAGE NAME before and after: both
    give the same rows.  namespace() has the names that the code takes for given,
    values() makes a list of what a row has, and arguments come before a key."""
    text = open(os.path.join(os.environ["CLIENTS_DOCS"], "applications.md"), encoding="utf-8").read()
    for when in ("before", "after"):
        title = "docs/applications.md, %s, %s" % (name, when)
        found = re.findall(r"^```\w+ %s %s\n(.*?)^```$" % (re.escape(name), when), text, re.M | re.S)
        if not same(len(found), 1, title + ": is there"):
            continue
        names = namespace()
        try:
            exec(compile(found[0], title, "exec"), names)
            for _ in range(2):
                got = (names["product"](*arguments, 7), names["product"](*arguments, 1000),
                       names["products"](*arguments, [3, 1, 1000]))
                same([values(got[0]), got[1], sorted(values(row) for row in got[2])],
                     [[7, "product 7", decimal.Decimal("10.5"), 10], None,
                      [[1, "product 1", decimal.Decimal("1.5"), 10], [3, "product 3", decimal.Decimal("4.5"), 10]]], title)
        except Exception:
            ok(False, title, traceback.format_exc())


def recipe(name):
    """The code of docs/plain_sql.md, ```LANGUAGE NAME."""
    text = open(os.path.join(os.environ["CLIENTS_DOCS"], "plain_sql.md"), encoding="utf-8").read()
    found = re.findall(r"^```\w+ %s\n(.*?)^```$" % re.escape(name), text, re.M | re.S)
    same(len(found), 1, "docs/plain_sql.md, %s: is there" % name)
    return found[0]


# ----- results of plain SQL -----

COUNTERS = "SELECT coalesce(sum(hits), 0)::int AS hits, coalesce(sum(misses), 0)::int AS misses FROM cache.space_stats"


def results(mode):
    """The setting of connections to come."""
    psql("ALTER DATABASE %s SET cache_strategies.results = %s; ALTER DATABASE %s SET cache_strategies.results_min_cost = 0"
         % (os.environ["PGDATABASE"], mode, os.environ["PGDATABASE"]))


def counted(rows, what):
    """What it gives, and how many statements were hits and misses."""
    before = rows(COUNTERS, [])[0]
    got = what()
    after = rows(COUNTERS, [])[0]
    return got, after[0] - before[0], after[1] - before[1]


def shop_page(rows, page, deliver, title):
    """page(customer): the customer's name, the ids of the open orders, and how many
    orders are open, by three statements; deliver(order) changes one."""
    first = ["customer 7", [6, 26, 46, 66, 86], 100]
    same([page(7), page(8)[0], page(7), page(8)[0]], [first, "customer 8", first, "customer 8"], title + ": content")
    same(counted(rows, lambda: page(7)), (first, 3, 0), title + ": all statements of a page are hits")
    deliver(7)                          # of customer 8
    same(counted(rows, lambda: page(7)), (["customer 7", [6, 26, 46, 66, 86], 99], 2, 1),
         title + ": a write ends what reads all orders, and nothing of another customer")
    same(counted(rows, lambda: page(8)), (["customer 8", [27, 47, 67, 87], 99], 2, 1),
         title + ": a write ends what reads the orders of its customer")
    same(counted(rows, lambda: page(8)), (["customer 8", [27, 47, 67, 87], 99], 3, 0), title + ": and it is kept again")
