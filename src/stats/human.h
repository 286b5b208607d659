/*-------------------------------------------------------------------------
 *
 * human.h
 *		Numbers as people read them, in ASCII; palloc'd.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_HUMAN_H
#define CS_HUMAN_H

extern char *cs_human_count(double n);
extern char *cs_human_bytes(double bytes);
extern char *cs_human_time(double milliseconds);
extern char *cs_human_percent(double ratio);
extern char *cs_human_rate(double per_second);

#endif							/* CS_HUMAN_H */
