/* SPDX-License-Identifier: MIT */
#include <meari/version.h>

const char *meari_version(void)
{
	return MEARI_VERSION_TEXT;
}
