/* SPDX-License-Identifier: MIT */
/* replay.c - run a fuzz target over the files of a corpus folder */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void replay(const char *folder, const char *name)
{
	static uint8_t data[1 << 20];
	char path[4096];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(1);
	}
	len = fread(data, 1, sizeof data, file);
	(void)fclose(file);
	(void)LLVMFuzzerTestOneInput(data, len);
}

int main(int argc, char **argv)
{
	DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
	unsigned replayed = 0;

	if (!folder) {
		(void)fprintf(stderr, "usage: replay CORPUS-FOLDER\n");
		return 2;
	}
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		replay(argv[1], entry->d_name);
		replayed++;
	}
	(void)closedir(folder);
	(void)printf("%u inputs replayed\n", replayed);
	return replayed > 0 ? 0 : 1;
}
