/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/endpoint.h>

#include "cmocka_all.h"
#include "inject.h"

const char *const stream_families[] = { "tcp4", "tcp6", "unix", NULL };
const char *const datagram_families[] = { "udp4", "udp6", NULL };

static const struct {
	const char *family;
	const char *endpoint;
} endpoints[] = {
	{ "tcp4", "tcp://127.0.0.1:0" }, { "tcp6", "tcp://[::1]:0" },
	{ "udp4", "udp://127.0.0.1:0" }, { "udp6", "udp://[::1]:0" },
	{ "unix", "unix:%s/socket" },
};

static void endpoint_of(const char *family, const char *folder,
			struct meari_endpoint *ret)
{
	char text[64] = "";

	for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++)
		if (strcmp(endpoints[i].family, family) == 0)
			(void)snprintf(text, sizeof text, "%s",
				       endpoints[i].endpoint);
	if (strcmp(family, "unix") == 0)
		(void)snprintf(text, sizeof text, "unix:%s/socket", folder);
	assert_int_equal(meari_endpoint_parse(text, ret, NULL), 0);
}

bool family_is_there(const char *family)
{
	struct meari_endpoint endpoint;
	struct meari_listeners sockets;
	struct meari_fail fail;
	char text[MEARI_FAIL_TEXT];

	if (strcmp(family, "unix") == 0)
		return true;
	endpoint_of(family, "", &endpoint);
	if (meari_listen(&endpoint, NULL, &sockets, &fail) == 0) {
		meari_listeners_close(&sockets);
		return true;
	}
	print_message("skipped: %s\n",
		      meari_fail_format(&fail, text, sizeof text));
	return false;
}

void harness_init(struct harness *h, const struct engine *engine,
		  const char *family)
{
	*h = (struct harness){
		.engine = engine,
		.family = family,
		.service = "echo",
		.limits = { .max_connections = 2000, .idle_ns = MEARI_NEVER },
		.drain_ns = 30 * MEARI_S,
		.folder = "/tmp/meari-test.XXXXXX",
	};
}

static size_t count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t n = 0;

	if (!folder)
		return 0;
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n;
}

/* In the child. */
static int serve(const struct harness *h)
{
	size_t before = count_fds();
	struct engine_run *run;
	int r;

	inject_arm();
	r = h->engine->start(&run, &h->env);
	if (r == 0) {
		r = h->engine->run(run);
		h->engine->free(run);
	}
	inject_disarm();
	if (r < 0) {
		(void)fprintf(stderr, "engine: %s\n", strerror(-r));
		return 1;
	}
	if (count_fds() != before) {
		(void)fprintf(stderr, "descriptors: %zu before, %zu after\n",
			      before, count_fds());
		return 1;
	}
	return 0;
}

static void open_listener(struct harness *h)
{
	struct meari_endpoint endpoint;

	assert_non_null(mkdtemp(h->folder));
	endpoint_of(h->family, h->folder, &endpoint);
	assert_int_equal(meari_listen(&endpoint, NULL, &h->sockets, NULL), 0);
	h->listener = (struct engine_listener){
		.fd = h->sockets.items[0].fd,
		.socktype = h->sockets.items[0].socktype,
		.addr = h->sockets.items[0].addr,
		.service = service_find(h->service),
		.message = h->message,
		.guarded = h->guard != NULL,
		.ours = h->ours,
	};
}

static void make_env(struct harness *h)
{
	h->env = (struct engine_env){
		.listeners = &h->listener,
		.n_listeners = 1,
		.workers = 1,
		.guard = h->guard,
		.limits = h->limits,
		.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.drain_ns = h->drain_ns,
	};
	assert_int_equal(tally_new(&h->env.tally, 4), 0);
	assert_int_equal(event_ring_new(&h->env.events, UINT32_MAX), 0);
	h->env.admitted = mmap(NULL, sizeof *h->env.admitted,
			       PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(h->env.admitted, MAP_FAILED);
}

void harness_start(struct harness *h)
{
	open_listener(h);
	make_env(h);
	(void)fflush(NULL); /* or the child would print it again */
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(serve(h));
	}
	/* The child has its own; only so does a closed listener show. */
	(void)close(h->sockets.items[0].fd);
	h->sockets.items[0].fd = -1;
}

const struct meari_addr *harness_addr(const struct harness *h)
{
	return &h->listener.addr;
}

void harness_stop(struct harness *h)
{
	assert_int_equal(eventfd_write(h->env.stop_fd, 1), 0);
}

void harness_abort(struct harness *h)
{
	assert_int_equal(eventfd_write(h->env.abort_fd, 1), 0);
}

void harness_wait(struct harness *h)
{
	int status;

	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	assert_int_equal(status, 0);
	assert_int_equal(harness_count(h, TALLY_ENDED),
			 harness_count(h, TALLY_ACCEPTED));
	tally_free(h->env.tally);
	event_ring_free(h->env.events);
	(void)munmap(h->env.admitted, sizeof *h->env.admitted);
	(void)close(h->env.stop_fd);
	(void)close(h->env.abort_fd);
	meari_listeners_close(&h->sockets);
	(void)rmdir(h->folder);
}

void harness_finish(struct harness *h)
{
	harness_stop(h);
	harness_wait(h);
}

uint64_t harness_count(const struct harness *h, enum tally_counter counter)
{
	return tally_sum(h->env.tally, counter);
}

void harness_await(const struct harness *h, enum tally_counter counter,
		   uint64_t value)
{
	const struct timespec nap = { .tv_nsec = 1000 * 1000 };
	uint64_t until_ns = meari_after_ns(60 * MEARI_S);

	/* The counters wake nobody, so looking again is all there is. */
	while (harness_count(h, counter) < value && meari_now_ns() < until_ns)
		(void)nanosleep(&nap, NULL);
	assert_int_equal(harness_count(h, counter), value);
}

static size_t resident_bytes_of(pid_t pid)
{
	char path[64], line[128];
	size_t kib, sum = 0;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "Rss: %zu", &kib) == 1)
			sum += kib * 1024;
	(void)fclose(file);
	return sum;
}

size_t harness_children(const struct harness *h, pid_t *pids, size_t max)
{
	char path[64];
	size_t n = 0;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children",
		       (int)h->pid, (int)h->pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (n < max && fscanf(file, "%d", &pids[n]) == 1)
		n++;
	(void)fclose(file);
	return n;
}

size_t harness_resident_bytes(const struct harness *h)
{
	pid_t pids[64];
	size_t n = harness_children(h, pids, 64);
	size_t sum = resident_bytes_of(h->pid);

	for (size_t i = 0; i < n; i++)
		sum += resident_bytes_of(pids[i]);
	return sum;
}
