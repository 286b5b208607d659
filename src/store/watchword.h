/*-------------------------------------------------------------------------
 *
 * watchword.h
 *		Watch words: shared words, chosen by the hash of a table, a column and
 *		a value, that tell whether a row with that value is being changed or
 *		has been.
 *
 * A word is a table's modification counter made smaller: version and writers
 * in flight in one (cs_stripe_... takes them apart), the highest prepared xid,
 * and the newest xid that has marked it.  Values that share a word cost
 * results, never correctness.
 *
 * All access is atomic; there is no lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WATCHWORD_H
#define CS_WATCHWORD_H

#define CS_N_WATCHWORDS		(64 * 1024)

extern Size cs_watchword_shmem_size(void);
extern void cs_watchword_shmem_init(void);

extern uint32 cs_watchword_of(uint64 hash);

/* No barrier. */
extern uint64 cs_watchword_read(uint32 word);
extern uint64 cs_watchword_prepared_xid(uint32 word);
extern uint64 cs_watchword_last_xid(uint32 word);

extern void cs_watchword_raise_last_xid(uint32 word, uint64 xid);
extern void cs_watchword_mark(uint32 word);
extern void cs_watchword_unmark(uint32 word);
extern void cs_watchword_prepared(uint32 word, uint64 xid);

#endif							/* CS_WATCHWORD_H */
