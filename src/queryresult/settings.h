/*-------------------------------------------------------------------------
 *
 * settings.h
 *		The settings that the result of a query may depend on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CS_SETTINGS_H
#define CS_SETTINGS_H

#include "lib/stringinfo.h"
#include "pgtime.h"

#define CS_N_SETTING_NUMBERS	12
#define CS_N_SETTING_STRINGS	6

typedef struct CsSettings
{
	int			number[CS_N_SETTING_NUMBERS];
	const pg_tz *zone;			/* there is one of each name in a session */
	const char *string[CS_N_SETTING_STRINGS];
} CsSettings;

extern void cs_settings_now(CsSettings *settings);

extern void cs_settings_copy(CsSettings *to, const CsSettings *from);
extern bool cs_settings_equal(const CsSettings *a, const CsSettings *b);
extern void cs_settings_fingerprint(const CsSettings *settings, StringInfo fingerprint);

#endif							/* CS_SETTINGS_H */
