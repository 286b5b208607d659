"""psycopg2: simple protocol, values as literals."""

import sys
import os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
try:
    import psycopg2
    import psycopg2.extras
except ImportError as e:
    not_here(str(e))


class Connection:
    def __init__(self):
        self.db = psycopg2.connect("")
        self.db.autocommit = True
        psycopg2.extras.register_uuid(conn_or_curs=self.db)
        self.depth = 0

    def execute(self, sql, params):
        sql = re.sub(r"\$\d+", "%s", sql.replace("%", "%%"))
        cursor = self.db.cursor()
        cursor.execute(sql, params)
        return cursor

    def rows(self, sql, params):
        return self.execute(sql, params).fetchall()

    def run(self, sql, params):
        return self.execute(sql, params).rowcount

    def transaction(self, function):
        # As applications do: the connection is a transaction's context, and
        # savepoints are SQL.
        if self.depth == 0:
            self.db.autocommit = False
            self.depth += 1
            try:
                with self.db:
                    return function()
            finally:
                self.depth -= 1
                self.db.autocommit = True
        self.run("SAVEPOINT s", [])
        try:
            function()
            self.run("RELEASE SAVEPOINT s", [])
        except Exception:
            self.run("ROLLBACK TO SAVEPOINT s", [])
            raise

    def close(self):
        self.db.close()


class Client:
    connect = Connection

    @staticmethod
    def parameter(kind, value):
        return psycopg2.Binary(value) if kind == "bytes" else value

    @staticmethod
    def sqlstate(e):
        return getattr(e, "pgcode", None) or type(e).__name__


connection = Connection()
life_cycle(Client, lambda table: SqlModel(Client, connection, table))
calls(Client)
migrations(Client)

# A tool that writes values into the text, as BI tools do.
results("auto")
tool = Connection()


def literal(sql, *params):
    return [row[0] for row in tool.rows(sql, params)]


def customer_page(customer):
    return [literal("SELECT name FROM shop.customers WHERE id = $1", customer)[0],
            literal("SELECT id FROM shop.orders WHERE customer_id = $1 AND state = 'open' ORDER BY id", customer),
            literal("SELECT count(*) FROM shop.orders WHERE state = $1", "open")[0]]


shop_page(tool.rows, customer_page, lambda order: tool.run("UPDATE shop.orders SET state = 'delivered' WHERE id = $1", [order]), "auto")
report = [literal("SELECT name FROM shop.customers WHERE id = $1", i)[0] for i in range(1, 21)]
same(counted(tool.rows, lambda: [literal("SELECT name FROM shop.customers WHERE id = $1", i)[0] for i in range(1, 21)]),
     (report, 20, 0), "auto: a loop with literals, in its second round")
tool.close()

# psql, which another session's results serve.
got = subprocess.run(["psql", "-XAtq"], input=COUNTERS + ";\n" + "SELECT count(*) FROM shop.orders WHERE state = 'open';\n" + COUNTERS + ";\n",
                     text=True, check=True, stdout=subprocess.PIPE).stdout.split()
before, after = [[int(n) for n in line.split("|")] for line in (got[0], got[2])]
same([got[1], after[0] - before[0], after[1] - before[1]], ["99", 1, 0], "auto: psql gets what another session has computed")

# A statement that cannot have a comment, declared by the owner of its tables.
results("declared")
psql("SELECT cache.declare_query('SELECT state, count(*) FROM shop.orders GROUP BY state ORDER BY state', ttl => '10 min')")
tool = Connection()
same(counted(tool.rows, lambda: [tool.rows("select state, count(*) from shop.orders group by state order by state", []) for _ in range(2)]),
     ([[("delivered", 1), ("open", 99)]] * 2, 1, 1), "declared: a statement of cache.declare_query()")
same(counted(tool.rows, lambda: customer_page(7)[0]), ("customer 7", 0, 0), "declared: and no other")
tool.close()
results("off")

# The statements that docs/applications.md has for those of Redis.
text = open(os.path.join(os.environ["CLIENTS_DOCS"], "applications.md"), encoding="utf-8").read()
text = text[text.index("## Keys and values"):text.index("## Drivers")]
for statement in re.findall(r"`(SELECT [^`]*cache\.[^`]*)`", text):
    try:
        connection.db.cursor().execute("PREPARE page AS " + statement)
        connection.db.cursor().execute("DEALLOCATE page")
        ok(True, "docs/applications.md: " + statement)
    except Exception as e:
        ok(False, "docs/applications.md: " + statement, e)
done()
