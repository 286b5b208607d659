/*-------------------------------------------------------------------------
 *
 * flusher.h
 *		The processes that flush: one for each database that has write_back
 *		tables, and one for a table whose flush hangs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSHER_H
#define CS_FLUSHER_H

/* Entry points, called by name; the argument is the database, or a slot. */
extern PGDLLEXPORT void cs_flusher_main(Datum arg);
extern PGDLLEXPORT void cs_alone_main(Datum arg);

#endif							/* CS_FLUSHER_H */
