/*-------------------------------------------------------------------------
 *
 * plainpath.h
 *		Paths for plain SELECTs by key of attached tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_PLAINPATH_H
#define CS_PLAINPATH_H

extern void cs_plainpath_init(void);

#endif							/* CS_PLAINPATH_H */
