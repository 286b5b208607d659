"""BI tools: pandas and psql, whose role has the setting, and the SQL of
docs/plain_sql.md, in a database of its own."""

import sys
import os
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
try:
    import pandas
    import psycopg2
    import sqlalchemy
except ImportError as e:
    not_here(str(e))

SHOP = """
CREATE EXTENSION cache_strategies;
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, state text NOT NULL);
CREATE TABLE log (id int);
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 2000) i;
INSERT INTO orders SELECT i, 1 + i % 2000, 'open' FROM generate_series(1, 20000) i;
CREATE ROLE app LOGIN;
CREATE ROLE reporting LOGIN;
GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reporting;
ANALYZE;
"""
JOINED = ("SELECT c.name, count(*) AS n FROM customers c JOIN orders o ON o.customer_id = c.id"
          " WHERE c.name IN ('customer 7', 'customer 8') GROUP BY c.name ORDER BY c.name")


def connect(user):
    db = psycopg2.connect(host=os.environ["PGHOST"], port=os.environ["PGPORT"], dbname="shop", user=user)
    db.autocommit = True
    return db


def rows_of(db):
    def rows(sql, params=()):
        with db.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    return rows


def of_frame(frame):
    return [tuple(row) for row in frame.itertuples(index=False)]


def application(rows, admin):
    """The role app, whose statements are as they were."""
    report = lambda: (rows("SELECT state, count(*) FROM orders GROUP BY state"), rows(JOINED))
    first = ([("open", 20000)], [("customer 7", 10), ("customer 8", 10)])
    same(rows("SHOW cache_strategies.results"), [("auto",)], "app: the setting")
    same(admin("SELECT relation::text, by_value, by_schema FROM cache.tracked ORDER BY relation::text"),
         [("customers", True, True), ("orders", True, True)], "app: what is tracked")
    same(counted(rows, report), (first, 0, 2), "app: nothing is there")
    same(counted(rows, report), (first, 2, 0), "app: results are there")
    psql("CREATE TABLE later (id int)")
    same(admin("SELECT by_schema FROM cache.tracked WHERE relation = 'later'::regclass"), [(True,)], "app: a migration's table is tracked")


def tool():
    """The role reporting, with pandas."""
    names = {"url": sqlalchemy.engine.URL.create("postgresql+psycopg2", username="reporting", database="shop", port=int(os.environ["PGPORT"]),
                                                 query={"host": os.environ["PGHOST"]})}
    exec(compile(recipe("pandas"), "docs/plain_sql.md", "exec"), names)
    by_state, orders_of = names["orders_by_state"], names["orders_of"]
    rows = lambda sql, params: of_frame(pandas.read_sql(sql, names["engine"]))
    same(counted(rows, lambda: of_frame(by_state())), ([("open", 20000)], 0, 1), "pandas: nothing is there")
    same(counted(rows, lambda: of_frame(by_state())), ([("open", 20000)], 1, 0), "pandas: a result is there")
    pair, other = ["customer 7", "customer 8"], ["customer 7", "customer 9"]
    expected = [("customer 7", 10), ("customer 8", 10)]
    same(counted(rows, lambda: [of_frame(orders_of(pair)), of_frame(orders_of(other))]),
         ([expected, [("customer 7", 10), ("customer 9", 10)]], 0, 2), "pandas: values in the text, each combination")
    same(counted(rows, lambda: of_frame(orders_of(pair))), (expected, 1, 0), "pandas: values in the text, the same again")
    psql("UPDATE orders SET state = 'delivered' WHERE id = 6")
    same(counted(rows, lambda: of_frame(by_state())), ([("delivered", 1), ("open", 19999)], 0, 1), "pandas: a write ends it")
    same(counted(rows, lambda: of_frame(by_state())), ([("delivered", 1), ("open", 19999)], 1, 0), "pandas: and it is kept again")
    names["engine"].dispose()


def by_psql():
    return subprocess.run(["bash", "-euc", recipe("psql")], text=True, check=True, stdout=subprocess.PIPE).stdout


OUTPUT = """   state   |   n   
-----------+-------
 delivered |     1
 open      | 19999
(2 rows)

"""

subprocess.run(["createdb", "shop"], check=True)
own = os.environ["PGDATABASE"]
os.environ["PGDATABASE"] = "shop"
psql(SHOP)
try:
    psql(recipe("setting"))
    psql(recipe("tracking"))
    psql(recipe("reporting"))
    admin = connect(os.environ["PGUSER"])
    app = connect("app")
    application(rows_of(app), rows_of(admin))
    app.close()
    tool()
    same(counted(rows_of(admin), by_psql), (OUTPUT, 1, 0), "psql: what pandas has computed")
    admin.close()
finally:
    os.environ["PGDATABASE"] = own
    subprocess.run(["dropdb", "--force", "shop"], check=True)
    psql("DROP ROLE app, reporting")
done()
