/*-------------------------------------------------------------------------
 *
 * alone.h
 *		The process that flushes one table, whose flush hangs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ALONE_H
#define CS_ALONE_H

/* Found by name; the argument is the slot. */
extern PGDLLEXPORT void cs_alone_main(Datum arg);

#endif							/* CS_ALONE_H */
