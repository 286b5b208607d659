/*-------------------------------------------------------------------------
 *
 * signature.h
 *		SQL functions that the library does not have as they are declared.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SIGNATURE_H
#define CS_SIGNATURE_H

extern void cs_signature_init(void);

#endif							/* CS_SIGNATURE_H */
