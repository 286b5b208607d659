/*-------------------------------------------------------------------------
 *
 * report_page.h
 *		The page around the sections of cache.report().
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_REPORT_PAGE_H
#define CS_REPORT_PAGE_H

#include "lib/stringinfo.h"

extern void cs_report_page_begin(StringInfo out);
extern void cs_report_page_end(StringInfo out);

#endif							/* CS_REPORT_PAGE_H */
