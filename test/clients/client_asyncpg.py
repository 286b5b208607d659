"""asyncpg: named statements from the first run, all values binary.  A parameter is
given in the type that the server says it has: of a key without a type that is text."""

import asyncio
import sys
import os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
try:
    import asyncpg
except ImportError as e:
    not_here(str(e))

loop = asyncio.new_event_loop()


def as_type(name, value):
    if value is None:
        return None
    if name == "interval" and not isinstance(value, datetime.timedelta):
        return datetime.timedelta(seconds=value) if isinstance(value, int) else value_of("interval", value)
    if name == "text" and isinstance(value, list):
        return "{" + ",".join(value) + "}"
    if name == "text" and not isinstance(value, str):
        return str(value)
    return value


class Connection:
    def __init__(self):
        self.db = loop.run_until_complete(asyncpg.connect(
            host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]), user=os.environ["PGUSER"],
            database=os.environ["PGDATABASE"]))
        self.types = {}

    def given(self, sql, params):
        # What a programmer does by reading the error: the types are looked up once.
        if sql not in self.types:
            statement = loop.run_until_complete(self.db.prepare(sql))
            self.types[sql] = [t.name + ("[]" if t.kind == "array" and not t.name.endswith("[]") else "")
                               for t in statement.get_parameters()]
        return [as_type(t, v) for t, v in zip(self.types[sql], params)]

    def rows(self, sql, params):
        return [list(r.values()) for r in loop.run_until_complete(self.db.fetch(sql, *self.given(sql, params)))]

    def run(self, sql, params):
        return int(loop.run_until_complete(self.db.execute(sql, *self.given(sql, params))).split()[-1])

    def transaction(self, function):
        t = self.db.transaction()
        loop.run_until_complete(t.start())
        try:
            result = function()
        except Exception:
            loop.run_until_complete(t.rollback())
            raise
        loop.run_until_complete(t.commit())
        return result

    def close(self):
        loop.run_until_complete(self.db.close())


class Client:
    connect = Connection

    @staticmethod
    def parameter(kind, value):
        return value

    @staticmethod
    def sqlstate(e):
        return getattr(e, "sqlstate", None) or type(e).__name__


connection = Connection()
life_cycle(Client, lambda table: SqlModel(Client, connection, table))
connection.close()
calls(Client)
migrations(Client)
done()
