/*-------------------------------------------------------------------------
 *
 * populate.h
 *		Having the store's memory in place before it is used.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_POPULATE_H
#define CS_POPULATE_H

extern bool cs_populate_some(void);

#endif							/* CS_POPULATE_H */
