"""PgBouncer in transaction mode, with two connections to the server: what holds
through it, and what docs/applications.md says does not."""

import sys
import os
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
PGBOUNCER = "/usr/sbin/pgbouncer"
if not os.access(PGBOUNCER, os.X_OK):
    not_here("there is no " + PGBOUNCER)
try:
    import psycopg
    import psycopg2
    import psycopg2.extras
except ImportError as e:
    not_here(str(e))

PORT = 6432                     # of a Unix socket in a directory of its own
DIRECTORY = os.path.join(os.environ["CLIENTS_TMP"], "pgbouncer")
DATABASE = os.environ["PGDATABASE"]
VERSION = tuple(int(x) for x in re.search(r"(\d+)\.(\d+)", subprocess.run(
    [PGBOUNCER, "--version"], capture_output=True, text=True).stdout).groups())
PREPARES = VERSION >= (1, 21)   # named statements are followed from there on


def start():
    os.makedirs(DIRECTORY)
    ini = os.path.join(DIRECTORY, "pgbouncer.ini")
    users = os.path.join(DIRECTORY, "users")
    with open(users, "w") as f:
        f.write('"%s" ""\n' % os.environ["PGUSER"])
    with open(ini, "w") as f:
        f.write("""
[databases]
%s = host=%s port=%s
[pgbouncer]
listen_addr =
listen_port = %d
unix_socket_dir = %s
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
logfile = %s/log
pidfile = %s/pid
%s
""" % (DATABASE, os.environ["PGHOST"], os.environ["PGPORT"], PORT, DIRECTORY, users, DIRECTORY, DIRECTORY,
       "max_prepared_statements = 100" if PREPARES else ""))
    process = subprocess.Popen([PGBOUNCER, "-q", ini], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(os.path.join(DIRECTORY, ".s.PGSQL.%d" % PORT)):
        if process.poll() is not None:
            raise Exception(open(os.path.join(DIRECTORY, "log")).read())
        time.sleep(0.05)
    return process


class Connection:
    """psycopg2: literals in the simple protocol."""

    def __init__(self, direct=False):
        where = {} if direct else {"host": DIRECTORY, "port": PORT}
        self.db = psycopg2.connect(dbname=DATABASE, **where)
        self.db.autocommit = True
        psycopg2.extras.register_uuid(conn_or_curs=self.db)
        self.depth = 0

    def execute(self, sql, params=()):
        cursor = self.db.cursor()
        cursor.execute(re.sub(r"\$\d+", "%s", sql.replace("%", "%%")), params)
        return cursor

    def rows(self, sql, params=()):
        return self.execute(sql, params).fetchall()

    def one(self, sql):
        return self.rows(sql)[0][0]

    def run(self, sql, params=()):
        return self.execute(sql, params).rowcount

    def transaction(self, function):
        self.depth += 1
        name = "s%d" % self.depth
        self.run("BEGIN" if self.depth == 1 else "SAVEPOINT " + name)
        try:
            function()
            self.run("COMMIT" if self.depth == 1 else "RELEASE SAVEPOINT " + name)
        except Exception:
            self.run("ROLLBACK" if self.depth == 1 else "ROLLBACK TO SAVEPOINT " + name)
            raise
        finally:
            self.depth -= 1

    def close(self):
        self.db.close()


class Client:
    connect = Connection

    @staticmethod
    def parameter(kind, value):
        return psycopg2.Binary(value) if kind == "bytes" else value

    @staticmethod
    def sqlstate(e):
        return getattr(e, "pgcode", None) or getattr(e, "sqlstate", None) or type(e).__name__


class Extended:
    """psycopg 3: unnamed statements, or named ones where PgBouncer follows them."""

    def __init__(self):
        self.db = psycopg.connect(host=DIRECTORY, port=PORT, dbname=DATABASE, autocommit=True,
                                  prepare_threshold=0 if PREPARES else None)

    def execute(self, sql, params):
        return self.db.execute(re.sub(r"\$\d+", "%s", sql.replace("%", "%%")), params)

    def rows(self, sql, params):
        return self.execute(sql, params).fetchall()

    def run(self, sql, params):
        return self.execute(sql, params).rowcount

    def close(self):
        self.db.close()


class ExtendedClient(Client):
    connect = Extended

    @staticmethod
    def parameter(kind, value):
        return value


def backend(client):
    return client.one("SELECT pg_backend_pid()")


def keep_busy(pid):
    """A client in a transaction on the server connection with this process."""
    others = []
    while True:
        client = Connection()
        client.run("BEGIN")
        if backend(client) == pid:
            break
        others.append(client)
    for other in others:
        other.run("ROLLBACK")
        other.close()
    return client


def two_connections():
    """Lookup and fill of a client are on two server connections when another client
    has taken the first meanwhile."""
    psql("SELECT cache.invalidate('products')")
    a = Connection()
    pid, row = a.rows("SELECT pg_backend_pid(), cache.lookup(NULL::products, 11)")[0]
    same(row, None, "lookup misses, and its lease is with one server connection")
    b = keep_busy(pid)
    other, filled = a.rows("SELECT pg_backend_pid(), cache.fill(p) FROM products p WHERE id = 11")[0]
    ok(other != pid, "fill is on the other one")
    same(filled, False, "fill there is refused")
    b.run("ROLLBACK")
    b.close()

    a.run("BEGIN")
    same(a.one("SELECT cache.lookup(NULL::products, 11)"), None, "lookup in a transaction misses")
    same(a.one("SELECT cache.fill(p) FROM products p WHERE id = 11"), True, "fill in the same transaction fills")
    a.run("COMMIT")
    same(a.rows("SELECT name FROM cache.lookup(NULL::products, 11)"), [("product 11",)], "the next lookup has it")
    a.close()


def settings():
    """SET stays with the server connection, and the next client there has it."""
    a, b = Connection(), Connection()
    a.run("BEGIN")
    pid = backend(a)
    a.run("SET LOCAL cache_strategies.enabled = off")
    same(a.one("SHOW cache_strategies.enabled"), "off", "SET LOCAL is in force in its transaction")
    a.run("COMMIT")
    c = keep_busy(pid)
    same(c.one("SHOW cache_strategies.enabled"), "on", "another client, on the same server connection, does not have it")
    c.run("ROLLBACK")
    c.close()

    a.run("BEGIN")
    pid = backend(a)
    a.run("SET cache_strategies.enabled = off")
    a.run("COMMIT")
    c = keep_busy(pid)
    same(c.one("SHOW cache_strategies.enabled"), "off", "SET leaks to another client on the same server connection")
    same(c.rows("SELECT outcome, reason FROM cache.explain(NULL::products, 11)"),
         [("bypass", "cache_strategies.enabled is off")], "whose reads bypass the cache")
    c.run("RESET cache_strategies.enabled")
    c.run("COMMIT")
    c.close()
    a.close()
    b.close()


def own_changes():
    """A transaction is on one server connection: what it sees of itself does not
    depend on a pooler."""
    a, b = Connection(), Connection()
    a.run("BEGIN")
    a.run("SELECT cache.set('pooled', 'not committed')")
    a.run("UPDATE products SET stock = 1 WHERE id = 12")
    same(b.one("SELECT cache.get('pooled')"), None, "another client does not see a key before COMMIT")
    same(b.rows("SELECT stock FROM cache.read(NULL::products, 12)"), [(10,)], "nor a row")
    same(a.one("SELECT cache.get('pooled')"), "not committed", "the transaction does")
    same(a.rows("SELECT stock FROM cache.read(NULL::products, 12)"), [(1,)], "and its row")
    a.run("COMMIT")
    same(b.one("SELECT cache.get('pooled')"), "not committed", "after COMMIT, all do")
    same(b.rows("SELECT stock FROM cache.read(NULL::products, 12)"), [(1,)], "of rows, too")
    a.close()
    b.close()


process = start()
try:
    two_connections()
    settings()
    own_changes()
    connection = Connection()
    life_cycle(Client, lambda table: SqlModel(Client, connection, table))
    connection.close()
    calls(Client)
    calls(ExtendedClient)
    if PREPARES:
        migrations(ExtendedClient)
    else:
        skip("named statements", "PgBouncer %d.%d does not follow them, from 1.21 on it does" % VERSION)
except Exception:
    ok(False, "no exception", traceback.format_exc())
finally:
    process.terminate()
    process.wait()
done()
