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



# Counters: the same outcome whether and how the table is attached.

class Lost(Exception):
    pass


def counters(strategy):
    table = "counters_" + strategy
    counter = type(table, (models.Model,), {
        "__module__": __name__,
        "name": models.TextField(unique=True),
        "views": models.IntegerField(default=0),
        "best": models.IntegerField(null=True),
        "status": models.TextField(default="new"),
        "version": models.IntegerField(default=0),
        "Meta": type("Meta", (), {"app_label": "clients", "db_table": table, "managed": False}),
    })
    objects = counter.objects
    F = models.F
    outcomes = []

    def by_another(change):
        psql("UPDATE %s SET %s" % (table, change))

    def step(title, function):
        try:
            outcomes.append((title, function()))
        except Exception as e:
            outcomes.append((title, type(e).__name__))

    def get(name):
        return objects.get(name=name)

    def row(name):
        r = get(name)
        return (r.views, r.best, r.status, r.version)

    def saved(name, update_fields=None, **values):
        r = get(name)
        by_another("views = views + 1000")
        for field, value in values.items():
            setattr(r, field, value)
        r.save(update_fields=update_fields)
        r.refresh_from_db()
        return (r.views, r.best, r.status, r.version)

    def save_of_deleted(update_fields=None):
        r = objects.create(name="gone")
        psql("DELETE FROM %s WHERE name = 'gone'" % table)
        r.views = 3
        try:
            r.save(update_fields=update_fields)
            return row("gone")
        finally:
            objects.filter(name="gone").delete()

    def optimistic(version):
        return objects.filter(name="a", version=version).update(version=F("version") + 1, status="v%d" % version)

    def in_transaction(fails):
        with transaction.atomic():
            first = objects.filter(name="a").update(views=F("views") + 1)
            try:
                with transaction.atomic():
                    objects.filter(name="a").update(views=F("views") + 100, status="lost")
                    raise Lost()
            except Lost:
                pass
            second = objects.filter(name="a").update(views=F("views") + 1)
            if fails:
                raise Lost()
        return first, second

    def locked():
        with transaction.atomic():
            r = objects.select_for_update().get(name="a")
            r.views += 5
            r.save(update_fields=["views"])
        return row("a")

    def upsert(names):
        rows = [counter(name=name, views=7, best=8, status="upserted") for name in names]
        if django.VERSION >= (4, 1):
            objects.bulk_create(rows, update_conflicts=True, unique_fields=["name"], update_fields=["views", "status"])
        else:                           # what later versions send
            with connection.cursor() as cursor:
                cursor.execute('INSERT INTO "%s" ("name", "views", "best", "status", "version") VALUES %s'
                               ' ON CONFLICT("name") DO UPDATE SET "views" = EXCLUDED."views", "status" = EXCLUDED."status"'
                               % (table, ", ".join("('%s', %d, %d, '%s', %d)" % (r.name, r.views, r.best, r.status, r.version) for r in rows)))
        return [row(name) for name in names]

    def ignored(names):
        objects.bulk_create([counter(name=name, views=9) for name in names], ignore_conflicts=True)
        return [row(name) for name in names]

    def aggregates():
        return (objects.aggregate(models.Sum("views"), models.Max("best")), objects.filter(views__gt=100).count(),
                objects.filter(best__isnull=True).exists(), list(objects.order_by("-views", "name").values_list("name", flat=True)),
                sorted(r.views for r in objects.filter(views__gte=F("best")).iterator()),
                {pk: r.views for pk, r in objects.in_bulk().items()})

    def refreshed():
        r = get("a")
        objects.filter(pk=r.pk).update(views=F("views") + 1, status=models.Value("refreshed"))
        by_another("best = 77")
        r.refresh_from_db(fields=["views", "best"])
        fields = (r.views, r.best, r.status)
        r.refresh_from_db()
        return fields, r.status

    def bulk_update():
        rows = [get("a"), get("b")]
        for r in rows:
            r.views, r.status = r.views * 2, "bulk"
        objects.bulk_update(rows, ["views", "status"])
        return [row(r.name) for r in rows]

    def counted_up():
        with connection.cursor() as cursor:
            cursor.execute("UPDATE %s SET views = views + 1 WHERE name IN ('a', 'b') RETURNING name, views" % table)
            return sorted(cursor.fetchall()), cursor.rowcount

    def created(pair):
        return pair[0].name, pair[0].status, pair[1]

    step("create", lambda: [(r.pk, r.views, r.best, r.status) for r in (objects.create(name=name) for name in "abc")])
    step("F() + 1", lambda: [objects.filter(name="a").update(views=F("views") + 1) for _ in range(3)])
    step("F() + 1 of all", lambda: objects.update(views=F("views") + 10, best=5))
    step("F() + 1 of none", lambda: objects.filter(name="none").update(views=F("views") + 1))
    step("UPDATE ... RETURNING", counted_up)
    step("what comes of that", lambda: row("a"))
    step("save() with F() + 1", lambda: saved("a", views=F("views") + 1, status="saved"))
    step("save(update_fields) with F() + 1", lambda: saved("a", ["views"], views=F("views") + 1))
    step("save(update_fields)", lambda: saved("b", ["status", "best"], status="fields", best=9))
    step("save() of a row that is gone", save_of_deleted)
    step("save(update_fields) of a row that is gone", lambda: save_of_deleted(["views"]))
    step("optimistic locking", lambda: [optimistic(v) for v in (0, 0, 1, 7, 2)])
    step("get_or_create", lambda: [created(objects.get_or_create(name=name, defaults={"status": "made"})) for name in "ad"][1])
    step("update_or_create", lambda: [created(objects.update_or_create(name=name, defaults={"status": "set", "best": 20})) for name in "de"])
    step("what comes of these", lambda: [row(name) for name in "ade"])
    step("refresh_from_db", refreshed)
    step("bulk_create(update_conflicts=True)", lambda: upsert("ef"))
    step("bulk_create(ignore_conflicts=True)", lambda: ignored("fg"))
    step("bulk_update", bulk_update)
    step("a transaction with a savepoint", lambda: in_transaction(False))
    step("a transaction that is rolled back", lambda: in_transaction(True))
    step("select_for_update", locked)
    step("aggregates and conditions", aggregates)
    step("delete", lambda: [objects.filter(name="c").delete()[0] for _ in range(2)])
    step("F() + 1 of what is deleted", lambda: objects.filter(name="c").update(views=F("views") + 1))
    step("the table", lambda: list(objects.order_by("name").values_list("name", "views", "best", "status", "version")))
    step("the stored table", lambda: stored(table))
    return outcomes


unattached = counters("none")
for strategy in STRATEGIES + ["write_back"]:
    for got, expected in zip(counters(strategy), unattached):
        same(got, expected, "counters, %s: %s" % (strategy, expected[0]))
ok(not any(isinstance(outcome, str) for title, outcome in unattached if "gone" not in title and "rolled back" not in title),
   "counters: no errors but those that are meant", *unattached)

# The pages of an application that is not changed.
class Customer(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.TextField()

    class Meta:
        app_label, db_table, managed = "clients", 'shop"."customers', False


class Order(models.Model):
    id = models.IntegerField(primary_key=True)
    customer = models.ForeignKey(Customer, models.CASCADE)
    state = models.TextField()

    class Meta:
        app_label, db_table, managed = "clients", 'shop"."orders', False


def customer_page(customer):
    return [Customer.objects.get(pk=customer).name,
            list(Order.objects.filter(customer_id=customer, state="open").order_by("pk").values_list("pk", flat=True)),
            Order.objects.filter(state="open").aggregate(n=models.Count("*"))["n"]]


def deliver(order):
    row = Order.objects.get(pk=order)
    row.state = "delivered"
    row.save()


def django_rows(sql, params):
    return execute(connection, sql, params).fetchall()


results("auto")
connection.close()
shop_page(django_rows, customer_page, deliver, "auto")

# Statements that are named by a comment.
results("declared")
connection.close()


same(counted(django_rows, lambda: customer_page(7)[0]), ("customer 7", 0, 0), "declared: no comment, nothing is kept")
names = {"Order": Order}
exec(compile(recipe("django"), "docs/plain_sql.md", "exec"), names)
same(counted(django_rows, lambda: [[o.pk for o in names["open_orders"](7)] for _ in range(2)]), ([[6, 26, 46, 66, 86]] * 2, 1, 1),
     "declared: the statements of a view, by a wrapper that adds comments")
same(counted(django_rows, lambda: [[(type(o), o.pk) for o in names["last_orders"]()] for _ in range(2)]),
     ([[(Order, 100), (Order, 99), (Order, 98)]] * 2, 1, 1), "declared: raw() with a comment")
same(counted(django_rows, lambda: list(Order.objects.filter(customer_id=7, state="open").order_by("pk").values_list("pk", flat=True)))[1:], (0, 0),
     "declared: not with the comment of another statement")
results("off")
connection.close()

calls(Client)
migrations(Client)
page("django", lambda: {"models": models, "connections": connections, "__name__": "page"},
     lambda row: [row.pk, row.name, row.price, row.stock])
done()
