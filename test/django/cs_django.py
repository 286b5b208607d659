"""Settings and runner of Django's tests: outcomes go to a file, one a line."""

import os
import unittest

from django.db import connections
from django.test.runner import DiscoverRunner

DATABASES = {
    alias: {"ENGINE": "django.db.backends.postgresql", "NAME": "django_" + alias, "USER": os.environ["PGUSER"],
            "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"]}
    for alias in ("default", "other")
}
SECRET_KEY = "tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "cs_django.Runner"

COUNTS = """SELECT format('%s of %s tables, %s hits, %s misses, %s bypasses',
    (SELECT count(*) FROM cache.bindings), (SELECT count(*) FROM pg_tables WHERE schemaname = 'public'),
    hits + absent_hits, misses, bypasses) FROM cache.stats"""
RESULTS = """SELECT format('%s results kept, %s hits', sum(sets), sum(hits)) FROM cache.space_stats"""

DEFERRED = """SELECT format('%s writes deferred, %s rows flushed, %s refused', sum(deferred), sum(rows_flushed), sum(dead))
    FROM cache.flush_status HAVING count(*) > 0"""


def note(*fields):
    with open(os.environ["CS_OUTCOMES"], "a") as out:
        out.write("\t".join(str(field).replace("\n", " ").replace("\t", " ") for field in fields) + "\n")


class Result(unittest.TextTestResult):
    def addSuccess(self, test):
        super().addSuccess(test)
        note("ok", test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        note("failed", test.id(), str(err[1])[:200])

    def addError(self, test, err):
        super().addError(test, err)
        note("failed", test.id(), type(err[1]).__name__ + ": " + str(err[1])[:200])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            note("failed", test.id(), str(err[1])[:200])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        note("skipped", test.id())

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        note("expected", test.id())

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        note("unexpected", test.id())


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result

    def teardown_databases(self, *args, **kwargs):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'cache_strategies')")
            if cursor.fetchone()[0]:
                for query in (COUNTS, RESULTS, DEFERRED):
                    cursor.execute(query)
                    for row in cursor.fetchall():
                        print("counts:", row[0])
        super().teardown_databases(*args, **kwargs)
