/* SPDX-License-Identifier: MIT */
#include "cli/version.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <meari/version.h>

#include "cli/command.h"

static void print_list(FILE *out, const char *title, const char *list)
{
	fprintf(out, "%s: %s\n", title, list[0] ? list : "none");
}

int version_print(FILE *out)
{
	struct utsname system;

	fprintf(out, "meari %s\n", meari_version());
	fprintf(out, "compiler: %s\n", MEARI_COMPILER_TEXT);
	fprintf(out, "libc: glibc %s\n", gnu_get_libc_version());
	if (uname(&system) == 0)
		fprintf(out, "system: %s %s %s\n", system.sysname,
			system.release, system.machine);
	print_list(out, "features on", MEARI_FEATURES_ON);
	print_list(out, "features off", MEARI_FEATURES_OFF);
	return CLI_WELL;
}
