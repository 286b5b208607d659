/*-------------------------------------------------------------------------
 *
 * keyformat.h
 *		How the bytes of a table's keys are to be read, in a form that outlives
 *		the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_KEYFORMAT_H
#define CS_KEYFORMAT_H

#include "relation/binding.h"

#define CS_KEYFORMAT_LEN	16

typedef struct CsKeyFormat
{
	Oid			database;
	Oid			relid;
	uint64		epoch;			/* of the slot; for entries of this epoch */
	uint8		digest[CS_KEYFORMAT_LEN];
} CsKeyFormat;

extern Size cs_keyformat_shmem_size(void);
extern void cs_keyformat_shmem_init(void);
extern bool cs_keyformat_digest(const CsBinding *binding, uint8 *digest);
extern void cs_keyformat_note(const CsBinding *binding);
extern bool cs_keyformat_get(int slot, CsKeyFormat *format);

#endif							/* CS_KEYFORMAT_H */
