/*-------------------------------------------------------------------------
 *
 * write.h
 *		Writes by key that are deferred; cache.write() and the others try these
 *		first when the table is attached with write_back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_WRITE_H
#define CS_WRITE_H

#include "rowcache/call.h"
#include "utils/numeric.h"



#endif							/* CS_WRITE_H */
