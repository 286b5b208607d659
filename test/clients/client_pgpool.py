"""Pgpool-II in front of a primary and a standby to which all balanced SELECTs go:
which calls are sent where, by its settings and by comments."""

import sys
import os
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from suite import *
PGPOOL = "/usr/sbin/pgpool"
if not os.access(PGPOOL, os.X_OK):
    not_here("there is no " + PGPOOL)
try:
    import psycopg2
except ImportError as e:
    not_here(str(e))

PORT = 9999                     # of a Unix socket
DIRECTORY = os.path.join(os.environ["CLIENTS_TMP"], "pgpool")
STANDBY = os.path.join(DIRECTORY, "standby")
DATABASE = os.environ["PGDATABASE"]


def start_standby():
    os.makedirs(DIRECTORY)
    subprocess.run(["pg_basebackup", "-D", STANDBY, "-R", "-X", "stream", "-c", "fast"], check=True)
    subprocess.run(["pg_ctl", "-D", STANDBY, "-w", "-l", os.path.join(DIRECTORY, "log"), "start", "-o",
                    "-c listen_addresses= -c unix_socket_directories=%s" % DIRECTORY], check=True,
                   stdout=subprocess.DEVNULL)


class Pgpool:
    """A Pgpool-II with these settings, and a connection through it."""

    def __init__(self, **settings):
        configuration = {
            "backend_clustering_mode": "streaming_replication", "listen_addresses": "", "port": PORT,
            "socket_dir": DIRECTORY, "pcp_listen_addresses": "", "pcp_socket_dir": DIRECTORY, "pool_passwd": "",
            "backend_hostname0": os.environ["PGHOST"], "backend_port0": os.environ["PGPORT"], "backend_weight0": 0,
            "backend_flag0": "DISALLOW_TO_FAILOVER", "backend_hostname1": DIRECTORY,
            "backend_port1": os.environ["PGPORT"], "backend_weight1": 1, "backend_flag1": "DISALLOW_TO_FAILOVER",
            "load_balance_mode": "on", "sr_check_period": 0, "sr_check_user": os.environ["PGUSER"],
            "sr_check_database": "postgres", "health_check_period": 0, "num_init_children": 2,
            "logdir": DIRECTORY, "pid_file_name": os.path.join(DIRECTORY, "pid")}
        configuration.update(settings)
        with open(os.path.join(DIRECTORY, "pgpool.conf"), "w") as f:
            for name, value in configuration.items():
                f.write("%s = '%s'\n" % (name, value))
        for name in ("pcp.conf", "pool_hba.conf"):
            open(os.path.join(DIRECTORY, name), "w").close()
        self.log = open(os.path.join(DIRECTORY, "pgpool.log"), "w+")
        self.process = subprocess.Popen([PGPOOL, "-n", "-f", os.path.join(DIRECTORY, "pgpool.conf"), "-F",
                                         os.path.join(DIRECTORY, "pcp.conf"), "-a",
                                         os.path.join(DIRECTORY, "pool_hba.conf")], stdout=self.log, stderr=self.log)
        self.db = None
        while self.db is None:
            try:
                self.db = psycopg2.connect(host=DIRECTORY, port=PORT, dbname=DATABASE)
                self.db.autocommit = True
            except psycopg2.OperationalError:
                if self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def one(self, sql):
        """The first value, or the SQLSTATE."""
        cursor = self.db.cursor()
        try:
            cursor.execute(sql)
            return cursor.fetchone()[0]
        except psycopg2.Error as e:
            return e.pgcode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()
        self.process.send_signal(2)         # with TERM it waits for its clients
        self.process.wait()
        self.log.close()


SET = "SELECT cache.set('pooled', 'x')"
READ = "SELECT name FROM cache.read(NULL::products, 7)"

start_standby()
try:
    with Pgpool() as p:
        same(p.one("SELECT current_setting('transaction_read_only')"), "on", "a SELECT goes to the standby")
        same(p.one(SET), True, "without lists of functions, a volatile function goes to the primary: cache.set()")
        same(p.one("SELECT cache.get('pooled')"), "x", "and cache.get()")
        same(p.one("SELECT cache.incr('pooled visits', immediate => true)"), 1, "and cache.incr(), immediate")
        same(p.one("SELECT cache.increment(NULL::products, 'stock', 1, 7)"), 11, "and cache.increment()")
        same(p.one("SELECT cache.remember(NULL::bigint, 'pooled', '1 min', 'SELECT count(*) FROM sales')"), 3,
             "and cache.remember()")
        same(p.one(READ), "product 7", "cache.read() goes to the standby, and has the row")
        same(p.one("SELECT current_setting('transaction_read_only') FROM cache.read(NULL::products, 7)"), "on",
             "of the standby's table, whose cache is not used")

    with Pgpool(write_function_list="nextval,setval") as p:
        same(p.one(SET), "25006", "a list of functions without it sends cache.set() to the standby, which refuses it")
        same(p.one("SELECT cache.get('pooled')"), None, "and cache.get(), which finds nothing there")
        same(p.one("/*NO LOAD BALANCE*/ " + SET), True, "a comment in front sends it to the primary")
        same(p.one("/*NO LOAD BALANCE*/ SELECT cache.get('pooled')"), "x", "cache.get(), too")
        same(p.one("/*NO LOAD BALANCE*/ SELECT reason FROM cache.explain(NULL::products, 7)") != "the server is in recovery",
             True, "and cache.read()")
        p.db.autocommit = False
        same(p.one("SELECT cache.set('pooled', 'y')"), "25006", "a transaction that begins with it goes to the standby, too")
        p.db.rollback()

    with Pgpool(write_function_list="nextval,setval", allow_sql_comments="on") as p:
        same(p.one("/*NO LOAD BALANCE*/ " + SET), "25006", "with allow_sql_comments, a comment says nothing")

    with Pgpool(write_function_list="nextval,setval,cache\\..*") as p:
        same(p.one(SET), True, "with cache\\..* in the list, cache.set() goes to the primary")
        same(p.one("SELECT reason FROM cache.explain(NULL::products, 7)") != "the server is in recovery", True,
             "and cache.read()")

    with Pgpool(write_function_list="nextval,setval", primary_routing_query_pattern_list=".*cache\\..*") as p:
        same(p.one(SET), True, "with a pattern of statements, cache.set() goes to the primary")
        same(p.one("SELECT reason FROM cache.explain(NULL::products, 7)") != "the server is in recovery", True,
             "and cache.read()")
except Exception:
    ok(False, "no exception", traceback.format_exc(), open(os.path.join(DIRECTORY, "pgpool.log")).read()[-3000:])
finally:
    subprocess.run(["pg_ctl", "-D", STANDBY, "-m", "fast", "-w", "stop"], stdout=subprocess.DEVNULL)
done()
