# cache_strategies: a cache inside the PostgreSQL server
#
#   make; make install    build and install, with the pg_config in PATH or PG_CONFIG=
#   make check            build and test in private copies of PostgreSQL
#                         (STAGES="regress isolation" for some of the tests)
#   make demo
#   make soak             kill the server 200 times under load, and count
#   make bench            everything that is claimed of speed, against plain
#                         PostgreSQL, Redis, memcached and pgpool, into
#                         bench/RESULTS.md (BENCHES="point miss" for some of it)
#
# WERROR=1 turns warnings into errors.  EXTRA_CPPFLAGS is added last.

MODULE_big = cache_strategies
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
EXTENSION = cache_strategies
DATA = sql/cache_strategies--1.0.sql
DOCS := $(wildcard README.md docs/*.md)
PGFILEDESC = "cache_strategies - a cache inside the server"

PG_CPPFLAGS = -I$(srcdir)/src $(EXTRA_CPPFLAGS)
PG_CFLAGS = -MMD -MP
ifeq ($(WERROR),1)
PG_CFLAGS += -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers
endif
EXTRA_CLEAN = $(OBJS:.o=.d)

# For installcheck, against a server that has the library preloaded.
REGRESS := $(sort $(filter-out %--1.0,$(patsubst sql/%.sql,%,$(wildcard sql/*.sql))))
REGRESS_OPTS = --load-extension=cache_strategies

# Targets of the project's own.  PGXS is not read for them: it has a "check" of
# its own, and it may not be installed yet.
TEST_TARGETS = unit model mutants oracle
OWN_TARGETS = check demo compat pgindent typedefs soak bench $(TEST_TARGETS)

ifneq (,$(filter $(OWN_TARGETS),$(MAKECMDGOALS)))

.PHONY: $(MAKECMDGOALS)

# The settings that the scripts look at.
export PGMAJOR CI KEEP

check:
	test/run $(STAGES)

$(TEST_TARGETS):
	test/run --full $@

demo:
	test/run --demo

compat:
	test/compat $(STAGES)

soak:
	test/soak/run

bench:
	bench/run $(BENCHES)

typedefs:
	test/dev typedefs

pgindent:
	test/pgindent

# Others on the same command line, as in "make clean check".
$(filter-out $(OWN_TARGETS),$(MAKECMDGOALS)):
	$(MAKE) $@

else

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq (,$(wildcard $(PGXS)))
$(error PostgreSQL's development files are not there: install postgresql-server-dev-NN, or set PG_CONFIG)
endif

# PostgreSQL may have been configured with a clang that is not installed.
pg_clang := $(patsubst CLANG=%,%,$(filter CLANG=%,$(subst ',,$(shell $(PG_CONFIG) --configure))))
ifeq (,$(shell command -v $(pg_clang) 2>/dev/null))
override with_llvm = no
endif

include $(PGXS)
-include $(OBJS:.o=.d)

endif
