/*-------------------------------------------------------------------------
 *
 * audit.h
 *		The auditor: compares cached rows with their tables, round by round.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_AUDIT_H
#define CS_AUDIT_H

/* Found by name; the argument is the database. */
extern PGDLLEXPORT void cs_audit_main(Datum arg);

#endif							/* CS_AUDIT_H */
