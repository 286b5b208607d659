/*-------------------------------------------------------------------------
 *
 * flusher.h
 *		The process that flushes the write_back tables of a database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_FLUSHER_H
#define CS_FLUSHER_H

/* Found by name; the argument is the database. */
extern PGDLLEXPORT void cs_flusher_main(Datum arg);

#endif							/* CS_FLUSHER_H */
