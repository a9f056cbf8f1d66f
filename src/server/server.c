/* SPDX-License-Identifier: MIT */
#include "server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/io.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "server/choice.h"
#include "server/engine_process.h"
#include "server/guard.h"
#include "server/limits.h"
#include "server/narrator.h"
#include "server/sockets.h"

/* More than a machine has cores to contend for one. */
#define TALLY_SLOTS 16

/* For an engine that does not end by itself when it should; it has its own
 * grace for its children, which is shorter. */
#define ENGINE_GRACE_NS (5 * MEARI_S)

/* What the log's reader has at the end to take what is left to tell. */
#define LAST_LINES_NS (1 * MEARI_S)

struct server {
	const struct server_config *config;
	struct server_sockets sockets;
	const struct engine *engine;
	struct engine_env env;
	struct guard_state *guard;
	_Atomic uint64_t *admitted; /* shared mapping */
	int signal_fd;
	pid_t engine_pid;
	uint64_t kill_at_ns; /* when the engine must have ended; MEARI_NEVER */
	int engine_status; /* of wait(2), once engine_pid is 0 again */
};

static void say_skipped(const struct server *server)
{
	char text[MEARI_FAIL_TEXT];

	for (size_t i = 0; i < server->sockets.n_sets; i++) {
		const struct meari_fail *skipped =
			&server->sockets.sets[i].skipped;

		if (skipped->error)
			log_line(LOG_NORMAL, "left out: %s",
				 meari_fail_format(skipped, text,
						   sizeof text));
	}
}

static int make_guard(struct server *server)
{
	const struct server_sockets *sockets = &server->sockets;
	MEARI_AUTO(freep) uint16_t *ports = NULL;
	struct guard_options options = { .rate = server->config->udp_rate };
	int r;

	ports = calloc(sockets->n_listeners, sizeof *ports);
	if (!ports)
		return -ENOMEM;
	for (size_t i = 0; i < sockets->n_listeners; i++)
		if (sockets->listeners[i].socktype == SOCK_DGRAM)
			ports[options.n_own_ports++] =
				meari_addr_port(&sockets->listeners[i].addr);
	options.own_ports = ports;
	r = guard_new(&server->guard, &options);
	if (r == 0)
		server->env.guard = guard_face(server->guard);
	return r;
}

/* Memory and descriptors that the engine's processes share with this one. */
static int make_shared(struct server *server)
{
	struct engine_env *env = &server->env;
	int r = tally_new(&env->tally, TALLY_SLOTS);

	if (r == 0)
		r = event_ring_new(&env->events,
				   narrator_wants(server->config->level));
	if (r == 0)
		r = make_guard(server);
	if (r < 0)
		return r;
	server->admitted = mmap(NULL, sizeof *server->admitted,
				PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server->admitted == MAP_FAILED) {
		server->admitted = NULL;
		return -errno;
	}
	env->admitted = server->admitted;
	env->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	env->abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return env->stop_fd < 0 || env->abort_fd < 0 ? -errno : 0;
}

/* Blocked here, so blocked in the engine's processes, too: a terminal sends
 * its interrupt to all of them, but one alone acts on it. */
static int take_signals(struct server *server)
{
	static const int handled[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1,
				       SIGCHLD };
	sigset_t mask;

	(void)sigemptyset(&mask);
	for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
		(void)sigaddset(&mask, handled[i]);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	/* Ignoring it is inherited, and then nobody hears of a child's end. */
	(void)signal(SIGCHLD, SIG_DFL);
	server->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signal_fd < 0 ? -errno : 0;
}

static int fit_limits(struct server *server, struct meari_fail *fail)
{
	const struct server_config *config = server->config;
	struct descriptor_limit limit;
	int r = limits_fit(config->max_connections,
			   server->sockets.n_listeners, &limit);

	if (r < 0)
		return fail_set(fail, r, "getrlimit", "RLIMIT_NOFILE");
	if (limit.max_connections < config->max_connections)
		log_line(LOG_NORMAL,
			 "--max-connections %u needs %" PRIu64 " descriptors, "
			 "and RLIMIT_NOFILE allows %" PRIu64 ": limited to %u",
			 config->max_connections, limit.needed, limit.allowed,
			 limit.max_connections);
	server->env.limits = (struct engine_limits){
		.max_connections = limit.max_connections,
		.max_admitted = config->once ? 1 : 0,
		.idle_ns = config->idle_ns,
	};
	return 0;
}

static bool makes_files(const struct server_config *config)
{
	for (size_t i = 0; i < config->n_endpoints; i++)
		if (config->endpoints[i].is_unix)
			return true;
	return false;
}

/* Once a socket has a file, no signal may end the process and leave it behind.
 * Where there are no files signals are taken afterwards: a name may take long
 * to resolve, and whoever waits for it must be able to interrupt. */
static int open_sockets(struct server *server, struct meari_fail *fail)
{
	bool at_first = makes_files(server->config);
	int r = at_first ? take_signals(server) : 0;

	if (r == 0) {
		r = sockets_open(server->config, &server->sockets, fail);
		if (r < 0)
			return r;
	}
	if (r == 0 && !at_first)
		r = take_signals(server);
	return r < 0 ? fail_set(fail, r, "set up", "signals") : 0;
}

static int prepare(struct server *server, struct meari_fail *fail)
{
	const struct server_config *config = server->config;
	int r = open_sockets(server, fail);

	if (r < 0)
		return r;
	say_skipped(server);
	server->env.listeners = server->sockets.listeners;
	server->env.n_listeners = server->sockets.n_listeners;
	server->env.workers = 1;
	server->env.drain_ns = config->drain_ns;
	r = choose_engine(config->engine, server->sockets.listeners,
			  server->sockets.n_listeners, &server->engine, fail);
	if (r == 0)
		r = fit_limits(server, fail);
	if (r < 0)
		return r;
	r = make_shared(server);
	return r < 0 ? fail_set(fail, r, "set up", "shared memory") : 0;
}

static void clean_up(struct server *server)
{
	sockets_close(&server->sockets);
	tally_free(server->env.tally);
	event_ring_free(server->env.events);
	guard_free(server->guard);
	if (server->admitted)
		(void)munmap(server->admitted, sizeof *server->admitted);
	fd_closep(&server->env.stop_fd);
	fd_closep(&server->env.abort_fd);
	/* Its signals stay blocked: one that comes now would kill a process
	 * that is about to end well. */
	fd_closep(&server->signal_fd);
}

static void on_stop(struct server *server, bool *stopping)
{
	if (*stopping) {
		(void)eventfd_write(server->env.abort_fd, 1);
		server->kill_at_ns = meari_after_ns(ENGINE_GRACE_NS);
		return;
	}
	*stopping = true;
	(void)eventfd_write(server->env.stop_fd, 1);
	if (server->config->drain_ns < MEARI_NEVER - ENGINE_GRACE_NS)
		server->kill_at_ns = meari_after_ns(server->config->drain_ns +
						    ENGINE_GRACE_NS);
	/* Afterwards, as the log may have to wait for its reader. */
	log_line(LOG_NORMAL,
		 "stopping: open connections have %.3g s to finish; a second "
		 "signal ends them at once",
		 (double)server->config->drain_ns / (double)MEARI_S);
}

static void on_signal(struct server *server, uint32_t number, bool *stopping)
{
	switch (number) {
	case SIGTERM:
	case SIGINT:
		on_stop(server, stopping);
		break;
	case SIGUSR1:
		narrator_tell_all(&server->env, 0);
		narrator_tell_tallies(&server->env);
		break;
	case SIGHUP:
		log_line(LOG_NORMAL, "SIGHUP: there is nothing to reload");
		break;
	case SIGCHLD:
		if (waitpid(server->engine_pid, &server->engine_status,
			    WNOHANG) == server->engine_pid)
			server->engine_pid = 0;
		break;
	default:
		break;
	}
}

static void read_signals(struct server *server, bool *stopping)
{
	struct signalfd_siginfo info;
	size_t done; /* signalfd(2) gives whole ones only */

	while (meari_read_some(server->signal_fd, &info, sizeof info, &done) ==
	       MEARI_IO_DONE)
		on_signal(server, info.ssi_signo, stopping);
}

/* For a signal, or something to tell. While nobody reads the log nothing can be
 * told, but a stop must be heard all the same. */
static void wait_for_news(const struct server *server)
{
	struct pollfd fds[] = {
		{ .fd = server->signal_fd, .events = POLLIN },
		{ .fd = log_fd(), .events = POLLOUT },
	};

	if (log_has_room(0)) {
		if (!event_ring_sleep(server->env.events))
			return;
		fds[1] = (struct pollfd){
			.fd = event_ring_fd(server->env.events),
			.events = POLLIN,
		};
	}
	(void)meari_poll(fds, 2, server->kill_at_ns);
}

/* Stopped by somebody, or stuck: what it was to do in time it will not do. */
static void kill_overdue(struct server *server)
{
	if (server->kill_at_ns == MEARI_NEVER ||
	    meari_now_ns() < server->kill_at_ns || server->engine_pid == 0)
		return;
	log_line(LOG_QUIET, "the engine's process did not end; killing it");
	(void)kill(server->engine_pid, SIGKILL);
	server->kill_at_ns = MEARI_NEVER;
}

/* Until the engine's process has ended. */
static void supervise(struct server *server)
{
	bool stopping = false;

	while (server->engine_pid > 0) {
		narrator_tell_all(&server->env, 0);
		wait_for_news(server);
		read_signals(server, &stopping);
		kill_overdue(server);
	}
	narrator_tell_all(&server->env, meari_after_ns(LAST_LINES_NS));
}

static enum server_end serve(struct server *server, struct meari_fail *fail)
{
	int r = engine_process_start(server->engine, &server->env,
				     server->signal_fd, &server->engine_pid);
	int status;

	if (r < 0) {
		(void)fail_set(fail, r, "start engine", server->engine->name);
		return SERVER_NOT_UP;
	}
	narrator_tell_options(&server->env);
	narrator_tell_ready(&server->env, server->engine);
	supervise(server);
	narrator_tell_end(&server->env);
	status = server->engine_status;
	if (WIFSIGNALED(status))
		log_line(LOG_QUIET, "the engine's process died: signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return status == 0 ? SERVER_WELL : SERVER_FAILED;
}

enum server_end server_run(const struct server_config *config)
{
	struct server server = {
		.config = config,
		.env = { .stop_fd = -1, .abort_fd = -1 },
		.signal_fd = -1,
		.kill_at_ns = MEARI_NEVER,
	};
	enum server_end end = SERVER_NOT_UP;
	char text[MEARI_FAIL_TEXT];
	struct meari_fail fail;

	log_set_level(config->level);
	if (prepare(&server, &fail) == 0)
		end = serve(&server, &fail);
	if (end == SERVER_NOT_UP)
		log_line(LOG_QUIET, "%s",
			 meari_fail_format(&fail, text, sizeof text));
	clean_up(&server);
	return end;
}
