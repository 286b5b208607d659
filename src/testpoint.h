/*-------------------------------------------------------------------------
 *
 * testpoint.h
 *		Test points: named places where a test can stop a session.
 *
 * Only in builds with -DCS_TEST_POINTS.  A session stops at the points listed
 * in cache_strategies.test_points: it acquires and releases the advisory lock
 * hashtext(name).  So the session that holds that lock determines when the
 * other one continues, and isolationtester sees it wait.  With
 * cache_strategies.test_delay, sessions also sleep at random points, so that a
 * test under load meets rare interleavings.
 *
 * A session cannot wait for a test under an LWLock.  At a CS_TEST_DAWDLE()
 * that is listed, it sleeps for cache_strategies.test_delay instead.
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
