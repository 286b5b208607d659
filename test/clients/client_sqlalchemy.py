"""SQLAlchemy: sessions by literals in the simple protocol, through psycopg2; BEGIN
and COMMIT around everything."""

import sys
import os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
try:
    import psycopg2.extras
    import sqlalchemy
    from sqlalchemy import Column, Integer, Numeric, Text, create_engine, select, text, update
    from sqlalchemy.orm import Session, registry
except ImportError as e:
    not_here(str(e))

mapper = registry()


def engine():
    return create_engine("postgresql+psycopg2://", pool_size=1, max_overflow=0, future=True)


def named(sql, params):
    """Parameters have names."""
    return text(re.sub(r"\$(\d+)", r":p\1 ", sql.replace("::", "\\:\\:").replace("lang:en", "lang\\:en"))), {
        "p%d" % (i + 1): v for i, v in enumerate(params)}


class Connection:
    def __init__(self):
        self.engine = engine()
        self.db = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def rows(self, sql, params):
        return [tuple(row) for row in self.db.execute(*named(sql, params))]

    def run(self, sql, params):
        return self.db.execute(*named(sql, params)).rowcount

    def close(self):
        self.db.close()
        self.engine.dispose()


class Client:
    connect = Connection

    @staticmethod
    def parameter(kind, value):
        return psycopg2.Binary(value) if kind == "bytes" else value

    @staticmethod
    def sqlstate(e):
        return getattr(getattr(e, "orig", e), "pgcode", None) or type(e).__name__


class Model:
    def __init__(self, table):
        self.model = type(table, (), {"__tablename__": table, "id": Column(Integer, primary_key=True),
                                      "name": Column(Text), "price": Column(Numeric(10, 2)), "stock": Column(Integer),
                                      "version": Column(Integer, default=0)})
        mapper.mapped(self.model)
        self.engine = engine()
        self.session = None

    def within(self, function):
        """In the transaction that is open, or in one of its own."""
        if self.session:
            result = function(self.session)
            self.session.flush()
            return result
        with Session(self.engine) as session, session.begin():
            return function(session)

    def rows(self, sql, params):
        return self.within(lambda s: [tuple(row) for row in s.execute(*named(sql, params))])

    def create(self, **fields):
        def create(s):
            row = self.model(**fields)
            s.add(row)
            s.flush()
            return row.id
        return self.within(create)

    def find(self, id):
        def find(s):
            row = s.get(self.model, id)
            return row and {"name": row.name, "stock": row.stock}
        return self.within(find)

    def update(self, id, **fields):
        return self.within(lambda s: s.execute(update(self.model).where(self.model.id == id).values(**fields)
                                               .execution_options(synchronize_session=False)).rowcount)

    def save(self, id, **fields):
        def save(s):
            row = s.get(self.model, id)
            for name, value in fields.items():
                setattr(row, name, value)
        return self.within(save)

    def reload(self, id, change):
        def reload(s):
            row = s.get(self.model, id)
            change()
            s.refresh(row)
            return {"stock": row.stock}
        return self.within(reload)

    def delete(self, id):
        return self.within(lambda s: s.delete(s.get(self.model, id)))

    def optimistic(self, id, version, **fields):
        m = self.model
        return self.within(lambda s: s.execute(
            update(m).where(m.id == id, m.version == version).values(version=m.version + 1, **fields)
            .execution_options(synchronize_session=False)).rowcount)

    def list(self, ids):
        return self.within(lambda s: [{"name": row.name} for row in
                                      s.execute(select(self.model).where(self.model.id.in_(ids))).scalars()])

    def transaction(self, function):
        with Session(self.engine) as session, session.begin():
            self.session = session
            try:
                return function()
            finally:
                self.session = None

    def savepoint(self, function):
        with self.session.begin_nested():
            return function()


psycopg2.extras.register_uuid()
life_cycle(Client, Model)
calls(Client)
migrations(Client)
page("sqlalchemy", lambda: {"Base": registry().generate_base(), "Column": Column, "Integer": Integer, "Numeric": Numeric,
                            "Text": Text, "select": select, "text": text},
     lambda row: [row.id, row.name, row.price, row.stock], Session(engine()))
done()
