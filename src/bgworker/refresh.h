/*-------------------------------------------------------------------------
 *
 * refresh.h
 *		The refresh worker of a database that has refresh requests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_REFRESH_H
#define CS_REFRESH_H

/* Found by name; the argument is the database. */
extern PGDLLEXPORT void cs_refresh_main(Datum arg);

#endif							/* CS_REFRESH_H */
