/*-------------------------------------------------------------------------
 *
 * words.h
 *		The watch words of values that the current transaction has changed.
 *		Private to the txn layer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WORDS_H
#define CS_WORDS_H

/* A value of a table's column has gone or come. */
extern void cs_words_note(int slot, uint32 word);

/* List the words, each once, without marking them yet. */
extern void cs_words_collect(void);

/* Mark those as changed by this xid; cannot fail. */
extern void cs_words_mark(uint64 xid);

/* Mark one more; false: there are too many, and it is not marked. */
extern bool cs_words_mark_late(uint32 word, uint64 xid);

extern void cs_words_prepared(uint64 xid);
extern void cs_words_unmark(void);

/* The memory goes with the transaction. */
extern void cs_words_forget(void);

#endif							/* CS_WORDS_H */
