/* SPDX-License-Identifier: MIT */
#include "cli/version.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <meari/version.h>

#include "cli/command.h"

static void print_list(FILE *out, const char *title, const char *list)
{
	(void)fprintf(out, "%s: %s\n", title, list[0] ? list : "none");
}

int version_print(FILE *out)
{
	struct utsname system;

	(void)fprintf(out, "meari %s\n", meari_version());
	(void)fprintf(out, "compiler: %s\n", MEARI_COMPILER_TEXT);
	(void)fprintf(out, "libc: glibc %s\n", gnu_get_libc_version());
	if (uname(&system) == 0)
		(void)fprintf(out, "system: %s %s %s\n", system.sysname,
			system.release, system.machine);
	print_list(out, "features on", MEARI_FEATURES_ON);
	print_list(out, "features off", MEARI_FEATURES_OFF);
	return CLI_WELL;
}
