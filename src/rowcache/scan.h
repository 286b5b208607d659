/*-------------------------------------------------------------------------
 *
 * scan.h
 *		A custom scan for cache.read() in FROM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SCAN_H
#define CS_SCAN_H

extern void cs_scan_init(void);

#endif							/* CS_SCAN_H */
