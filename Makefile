# cache_strategies: a cache inside the PostgreSQL server
#
#   make -j; make install build and install, with the pg_config in PATH or PG_CONFIG=
#   make demo             what it does, step by step
#   make check            build and test in private copies of PostgreSQL: the short
#                         form, a few minutes (STAGES="regress isolation" for some of
#                         the tests)
#   make check FULL=1     all tests
#   make hostile          of the tests, the attacks by an ordinary role
#   make clients          what applications connect with: drivers, ORMs and poolers
#                         (CLIENTS="Django pgjdbc" for some of them)
#   make oracle           rows and results from the cache against what the tables hold,
#                         and tables that defer against those that are not attached,
#                         under all kinds of changes (COMPARISONS=1000000 for so many
#                         of results, some twenty minutes; DURATION=3600 for an hour
#                         of each, with the auditor on)
#   make fuzz             random SQL on attached tables and on their twins (DURATION=3600
#                         for an hour, FUZZ_SEED=N for the case of that number)
#   make simulation       store and commit protocol in one process, with each access to
#                         shared memory in an order that a seed chooses
#                         (SIM_STEPS=1000000000, SIM_SEED=N for that seed with a trace)
#   make fresh            check and clients, on systems as new as debootstrap makes them
#   make compat           build, regress and isolation with PostgreSQL 17 and 18, in
#                         systems of the Debian releases that have them (PGMAJOR=18 for
#                         one, STAGES= as for check)
#   make arm64            compiled for aarch64, and tested in an emulator of it
#   make sanitize         tests in PostgreSQL's own source, built with assertions and
#                         sanitizers, and under valgrind (SANITIZE=asan for one)
#   make regress-postgres PostgreSQL's own tests: plain, preloaded, with all tables
#                         tracked, and with all results kept (TESTS="join union",
#                         KINDS="plain preloaded")
#   make suites-postgres  the same of isolation, contrib, subscription, recovery and
#                         pg_dump (SUITES=isolation, TESTS= and KINDS= as above)
#   make faults           processes killed at every test point, disks that are full or
#                         cannot be synced, memory that is not there, standbys that
#                         take over
#   make django           Django's own tests: without the library, with all tables attached,
#                         and with the results of all statements kept (MODULES="basic queries")
#   make soak             kill the server 200 times under load, and count
#                         (SOAK_KILLS=1000); DURATION=28800: eight hours of mixed
#                         traffic in which nothing grows
#   make bench            everything that is claimed of speed, against plain
#                         PostgreSQL, Redis, memcached and pgpool, into
#                         bench/RESULTS.md (BENCHES="point miss" for some of it)
#   make report           cache.report() of the server that psql connects to, into
#                         report.html (REPORT=FILE)
#   make browser          that page, looked at in Chromium
#   make monitoring       what Prometheus gets of the views, and the Grafana board
#   make package-check    the Debian package, built and installed in new systems
#   make dist             the archive for PGXN, of what is committed; make dist-check
#                         looks at it, and builds it
#
# WERROR=1 turns warnings into errors.  EXTRA_CPPFLAGS is added last.  with_llvm=yes
# makes bitcode for inlining by JIT, too; that takes some minutes.

MODULE_big = cache_strategies
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c) \
	$(if $(findstring CS_TEST_POINTS,$(EXTRA_CPPFLAGS)),$(wildcard test/module/*.c))))
EXTENSION = cache_strategies
DATA = $(sort $(wildcard sql/cache_strategies--*.sql))
PGFILEDESC = "cache_strategies - a cache inside the server"

PG_CPPFLAGS = -I$(srcdir)/src $(EXTRA_CPPFLAGS)
PG_CFLAGS = -MMD -MP
ifeq ($(WERROR),1)
PG_CFLAGS += -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
endif
EXTRA_CLEAN = $(OBJS:.o=.d) test/module/*.o test/module/*.d src/signatures.inc

# For installcheck, against a server that has the library preloaded.
REGRESS := $(sort $(filter-out cache_strategies--%,$(patsubst sql/%.sql,%,$(wildcard sql/*.sql))))
REGRESS_OPTS = --load-extension=cache_strategies

# Targets of the project's own.  PGXS is not read for them: it has a "check" of
# its own, and it may not be installed yet.
TEST_TARGETS = house unit simulation model mutants oracle fuzz
OWN_TARGETS = check django regress-postgres suites-postgres clients demo hostile faults fresh compat arm64 sanitize pgindent typedefs soak bench monitoring report browser package-check dist dist-check $(TEST_TARGETS)

ifneq (,$(filter $(OWN_TARGETS),$(MAKECMDGOALS)))

.PHONY: $(MAKECMDGOALS)

# The settings that the scripts look at.
export PG_CONFIG PGMAJOR WERROR CI KEEP MIRROR DEMO NO_INSTALL V COMPARISONS DURATION FUZZ_SEED FUZZ_STEPS SIM_SEED SIM_STEPS

check:
	@test/run $(if $(FULL),--full) $(STAGES)

$(TEST_TARGETS):
	@test/run --full $@

demo:
	@test/run --demo

hostile:
	@ONLY=hostile test/run --full regress tap

faults:
	@FAULTS=all ONLY=_fault_ test/run --full tap

fresh:
	@STAGES="$(STAGES)" test/fresh $(VARIANTS)

clients:
	@test/clients/run $(CLIENTS)

compat:
	@test/compat $(STAGES)

arm64:
	@test/arm64 $(STAGES)

sanitize:
	@STAGES="$(STAGES)" test/sanitize $(SANITIZE)

django:
	@test/django/run $(MODULES)

regress-postgres:
	@test/postgres/run $(TESTS)

suites-postgres:
	@SUITES="$(or $(SUITES),isolation snapshots contrib contrib_tap subscription recovery pg_dump)" test/postgres/run $(TESTS)

soak:
	@test/soak/run

bench:
	@bench/run $(BENCHES)

monitoring:
	@test/monitoring/run

report:
	@monitoring/report $(REPORT)

browser:
	@test/browser/run

package-check:
	@test/package $(SUITES)

dist:
	@release/dist

dist-check:
	@test/dist

typedefs:
	@test/dev typedefs

pgindent:
	@test/pgindent

# Others on the same command line, as in "make clean check".
$(filter-out $(OWN_TARGETS),$(MAKECMDGOALS)):
	$(MAKE) $@

else

PG_CONFIG ?= pg_config

# What is included and compiled against, not what is usually beside it.
missing := $(shell config=`command -v "$(PG_CONFIG)"` || { echo "$(PG_CONFIG)"; exit; }; \
	pgxs=`"$$config" --pgxs`; \
	for file in "`"$$config" --includedir-server`/postgres.h" "$$pgxs" "$${pgxs%/makefiles/pgxs.mk}/Makefile.global"; do \
		test -e "$$file" || echo "$$file"; \
	done)
ifneq (,$(missing))
version := $(shell "$(PG_CONFIG)" --version 2>/dev/null | sed 's/[^0-9]*\([0-9]*\).*/\1/')
$(error there is no $(missing).  Install postgresql-server-dev-$(or $(version),NN), or set PG_CONFIG to the pg_config of a PostgreSQL with its headers)
endif

# Bitcode takes clang minutes, so it is made only when asked for.
ifneq (yes,$(with_llvm))
override with_llvm = no
endif

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
-include $(OBJS:.o=.d)

# What the library's own version of the script declares.
VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" cache_strategies.control)
src/signature.o src/signature.bc: src/signatures.inc
src/signatures.inc: sql/cache_strategies--$(VERSION).sql src/signatures.awk
	awk -f src/signatures.awk sql/cache_strategies--$(VERSION).sql >$@

# The documents and what they link to, in a directory of the extension's own, below
# $(docdir) unless it is named.
documents = $(DESTDIR)$(or $(documents_directory),$(docdir)/cache_strategies)
DOCUMENTS := $(wildcard README.md CHANGELOG.md LICENSE docs/*.md docs/*.svg monitoring/* src/README.md bench/README.md bench/RESULTS.md bench/charts/*.svg)

.PHONY: install-documents uninstall-documents

install: install-documents
install-documents:
	$(MKDIR_P) $(patsubst %,'$(documents)/%',$(sort $(dir $(DOCUMENTS))))
	@for file in $(DOCUMENTS); do $(INSTALL_DATA) "$$file" "$(documents)/$$file" || exit; done

uninstall: uninstall-documents
uninstall-documents:
	rm -rf '$(documents)'

endif
