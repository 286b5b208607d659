/*-------------------------------------------------------------------------
 *
 * builtin.h
 *		Which of PostgreSQL's own STABLE functions a remembered query may use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_BUILTIN_H
#define CS_BUILTIN_H

extern bool cs_builtin_is_harmless(const char *name);

#endif							/* CS_BUILTIN_H */
