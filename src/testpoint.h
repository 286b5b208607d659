/*-------------------------------------------------------------------------
 *
 * testpoint.h
 *		Named places where a test can hold a session up.
 *
 * Only in builds with -DCS_TEST_POINTS.  A session stops at the points listed
 * in cache_strategies.test_points: it takes and gives back the advisory lock
 * hashtext(name), so whoever holds that lock decides when it goes on, and
 * isolationtester sees it wait.  With cache_strategies.test_delay, sessions also
 * dawdle at random points, so that a test under load meets what is rare.
 *
 * Under an LWLock nothing can wait for a test: at a CS_TEST_DAWDLE() that is
 * listed, a session sleeps for cache_strategies.test_delay.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_TESTPOINT_H
#define CS_TESTPOINT_H

#ifdef CS_TEST_POINTS
extern void cs_testpoint_reach(const char *name);
extern void cs_testpoint_dawdle(const char *name);
#define CS_TEST_POINT(name) cs_testpoint_reach(name)
#define CS_TEST_DAWDLE(name) cs_testpoint_dawdle(name)
#else
#define CS_TEST_POINT(name) ((void) 0)
#define CS_TEST_DAWDLE(name) ((void) 0)
#endif

#endif							/* CS_TESTPOINT_H */
