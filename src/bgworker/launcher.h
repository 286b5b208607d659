/*-------------------------------------------------------------------------
 *
 * launcher.h
 *		The launcher of the background workers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_LAUNCHER_H
#define CS_LAUNCHER_H

extern void cs_launcher_init(void);

/* Found by name. */
extern PGDLLEXPORT void cs_launcher_main(Datum arg);

#endif							/* CS_LAUNCHER_H */
