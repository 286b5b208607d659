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
