"""Django: models by literals in the simple protocol, through psycopg2."""

import sys
import os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
import warnings
try:
    import django
    import psycopg2.extras
    from django.conf import settings
except ImportError as e:
    not_here(str(e))

database = {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"],
            "USER": os.environ["PGUSER"], "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"]}
settings.configure(DATABASES={"default": database, "other": dict(database)}, INSTALLED_APPS=[], USE_TZ=True,
                   DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()

from django.db import connection, connections, models, transaction
from django.db.utils import ConnectionHandler


def model(table):
    return type(table, (models.Model,), {
        "__module__": __name__,
        "name": models.TextField(),
        "price": models.DecimalField(max_digits=10, decimal_places=2, null=True),
        "stock": models.IntegerField(),
        "version": models.IntegerField(default=0),
        "Meta": type("Meta", (), {"app_label": "clients", "db_table": table, "managed": False}),
    })


def execute(db, sql, params):
    cursor = db.cursor()
    cursor.execute(re.sub(r"\$\d+", "%s", sql.replace("%", "%%")), params)
    return cursor


class Connection:
    def __init__(self):
        self.db = ConnectionHandler({"default": dict(database)})["default"]

    def rows(self, sql, params):
        return execute(self.db, sql, params).fetchall()

    def run(self, sql, params):
        return execute(self.db, sql, params).rowcount

    def close(self):
        self.db.close()


class Client:
    connect = Connection

    @staticmethod
    def parameter(kind, value):
        return psycopg2.Binary(value) if kind == "bytes" else value

    @staticmethod
    def sqlstate(e):
        return getattr(e.__cause__, "pgcode", None) or type(e).__name__


class Model:
    def __init__(self, table):
        self.model = model(table)
        self.objects = self.model.objects

    def rows(self, sql, params):
        return execute(connection, sql, params).fetchall()

    def create(self, **fields):
        return self.objects.create(**fields).pk

    def find(self, id):
        row = self.objects.filter(pk=id).values().first()
        same(row is not None, self.objects.filter(pk=id).exists(), "%s: exists()" % self.model._meta.db_table)
        return row

    def update(self, id, **fields):
        return self.objects.filter(pk=id).update(**fields)

    def save(self, id, **fields):
        row = self.objects.get(pk=id)
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()

    def reload(self, id, change):
        row = self.objects.get(pk=id)
        change()
        row.refresh_from_db()
        return {"stock": row.stock}

    def delete(self, id):
        self.objects.get(pk=id).delete()

    def optimistic(self, id, version, **fields):
        return self.objects.filter(pk=id, version=version).update(version=models.F("version") + 1, **fields)

    def list(self, ids):
        return [{"name": row.name} for row in self.objects.filter(pk__in=ids)]

    def transaction(self, function):
        with transaction.atomic():
            return function()

    savepoint = transaction


warnings.simplefilter("ignore")         # a model of the page is defined twice
psycopg2.extras.register_uuid()
life_cycle(Client, Model)

# Rows of the cache as instances.
t = model("read_through")
pk = t.objects.create(name="lamp", stock=1).pk
found = list(t.objects.raw("SELECT * FROM cache.read(NULL::read_through, %s) WHERE id IS NOT NULL", [pk]))
same([(type(row), row.pk, row.name) for row in found], [(t, pk, "lamp")], "a row of cache.read() is an instance")
found[0].stock = 2
found[0].save()
same(t.objects.get(pk=pk).stock, 2, "it can be saved")

calls(Client)
migrations(Client)
page("django", lambda: {"models": models, "connections": connections, "__name__": "page"},
     lambda row: [row.pk, row.name, row.price, row.stock])
done()
