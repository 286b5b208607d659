/*-------------------------------------------------------------------------
 *
 * alter.h
 *		DDL on tables that are attached or tracked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_ALTER_H
#define CS_ALTER_H

extern void cs_alter_init(void);

#endif							/* CS_ALTER_H */
