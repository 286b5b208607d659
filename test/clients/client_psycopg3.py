"""psycopg 3: extended protocol, types by value, prepared from the sixth run;
results as text and as binary."""

import sys
import os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
try:
    import psycopg
except ImportError as e:
    not_here(str(e))


class Connection:
    def __init__(self, binary=False):
        self.db = psycopg.connect("", autocommit=True)
        self.binary = binary

    def execute(self, sql, params):
        cursor = self.db.cursor(binary=self.binary)
        cursor.execute(re.sub(r"\$\d+", "%s", sql.replace("%", "%%")), params)
        return cursor

    def rows(self, sql, params):
        return self.execute(sql, params).fetchall()

    def run(self, sql, params):
        return self.execute(sql, params).rowcount

    def transaction(self, function):
        with self.db.transaction():
            return function()

    def close(self):
        self.db.close()


class Client:
    connect = Connection

    @staticmethod
    def parameter(kind, value):
        return value

    @staticmethod
    def sqlstate(e):
        return getattr(e, "sqlstate", None) or type(e).__name__


for connection in (Connection(), Connection(binary=True)):
    life_cycle(Client, lambda table: SqlModel(Client, connection, table))
    connection.close()
calls(Client)
calls(Client, binary=True)
migrations(Client)
migrations(Client, binary=True)
page("psycopg", lambda: {"connection": psycopg.connect("", autocommit=True)}, list)
done()
