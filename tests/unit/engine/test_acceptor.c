/* SPDX-License-Identifier: MIT */
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <meari/clock.h>
#include <meari/io.h>

#include "loopback.h"
#include "engine/acceptor.h"
#include "engine/admission.h"

/* What accept4() is to do next; when they are through, the real thing. */
static const int *accept_errors;
static size_t n_accept_errors;
static unsigned accepts;

static bool calloc_fails;

/* How much later it is each time somebody looks, as on a machine that is too
 * busy to let this process run. */
static uint64_t clock_step_ns, clock_ahead_ns;

/* Whose admission another worker gives back as soon as somebody has looked at
 * the clock, which is after the listeners have been chosen; once. */
static const struct engine_env *gives_back;

uint64_t __real_meari_now_ns(void);
uint64_t __wrap_meari_now_ns(void);
int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (accepts++ >= n_accept_errors)
		return __real_accept4(fd, sa, len, flags);
	errno = accept_errors[accepts - 1];
	return -1;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return calloc_fails ? NULL : __real_calloc(n, size);
}

uint64_t __wrap_meari_now_ns(void)
{
	clock_ahead_ns += clock_step_ns;
	if (gives_back)
		admission_return(gives_back);
	gives_back = NULL;
	return __real_meari_now_ns() + clock_ahead_ns;
}

/* A descriptor of its own for each, the last one of datagrams. */
enum { ONE, TWO, DATAGRAMS, N_LISTENERS };

struct scene {
	struct engine_listener listeners[N_LISTENERS];
	struct engine_env env;
	_Atomic uint64_t admitted;
	int wake_fd;
	struct acceptor acceptor;
	struct connection connection;
	size_t fds; /* open before */
};

static struct engine_listener listener_of(int fd, int socktype)
{
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return (struct engine_listener){
		.fd = fd,
		.socktype = socktype,
		.addr = addr_of("127.0.0.1", port_of(fd)),
	};
}

static void fail_accepts(const int *errors, size_t n)
{
	accept_errors = errors;
	n_accept_errors = n;
	accepts = 0;
}

static int setup(void **state)
{
	static struct scene s;
	size_t fds = open_fds();

	fail_accepts(NULL, 0);
	clock_step_ns = 0;
	clock_ahead_ns = 0;
	s = (struct scene){
		.fds = fds,
		.env = {
			.listeners = s.listeners,
			.n_listeners = N_LISTENERS,
			.limits = { .max_connections = 10 },
			.admitted = &s.admitted,
			.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.drain_ns = 60 * MEARI_S,
		},
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.connection = { .fd = -1 },
	};
	for (size_t i = ONE; i <= TWO; i++)
		s.listeners[i] = listener_of(
			listening_socket("127.0.0.1", 0), SOCK_STREAM);
	s.listeners[DATAGRAMS] = listener_of(
		bound_socket(SOCK_DGRAM, "127.0.0.1", 0), SOCK_DGRAM);
	assert_int_equal(tally_new(&s.env.tally, 4), 0);
	assert_int_equal(event_ring_new(&s.env.events, UINT32_MAX), 0);
	assert_int_equal(acceptor_init(&s.acceptor, &s.env, true, s.wake_fd),
			 0);
	*state = &s;
	return 0;
}

/* A test closes what it opened. */
static int teardown(void **state)
{
	struct scene *s = *state;

	acceptor_deinit(&s->acceptor);
	tally_free(s->env.tally);
	event_ring_free(s->env.events);
	for (size_t i = 0; i < N_LISTENERS; i++)
		(void)close(s->listeners[i].fd);
	(void)close(s->env.stop_fd);
	(void)close(s->env.abort_fd);
	(void)close(s->wake_fd);
	assert_int_equal(open_fds(), s->fds);
	return 0;
}

static void raise_fd(int fd)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
}

static int client_of(const struct scene *s, size_t listener)
{
	return connected_socket(&s->listeners[listener].addr);
}

static void send_datagram(const struct scene *s)
{
	const struct meari_addr *to = &s->listeners[DATAGRAMS].addr;
	int fd = bound_socket(SOCK_DGRAM, "127.0.0.1", 0);

	assert_int_equal(sendto(fd, "x", 1, 0, &to->sa, to->len), 1);
	(void)close(fd);
}

static void take_datagram(const struct scene *s)
{
	char byte;

	assert_int_equal(recv(s->listeners[DATAGRAMS].fd, &byte, 1, 0), 1);
}

static int next(struct scene *s, unsigned active)
{
	return acceptor_next(&s->acceptor, active, &s->connection);
}

static uint64_t count(const struct scene *s, enum tally_counter counter)
{
	return tally_sum(s->env.tally, counter);
}

/* The one that was accepted is @clientfd's, as the @number-th. */
static void assert_accepted(struct scene *s, int clientfd, uint64_t number)
{
	struct meari_addr expected =
		addr_of("127.0.0.1", port_of(clientfd));

	assert_true(s->connection.fd >= 0);
	assert_true(meari_addr_equal(&s->connection.peer, &expected));
	assert_int_equal(s->connection.number, number);
	assert_int_equal(count(s, TALLY_ACCEPTED), number);
}

static void close_connection(struct scene *s)
{
	(void)close(s->connection.fd);
	s->connection.fd = -1;
}

static void assert_was_reset(int clientfd)
{
	struct pollfd pollfd = { .fd = clientfd, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&pollfd, 1, 10000), 1);
	assert_int_equal(recv(clientfd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void test_init_without_memory_fails(void **state)
{
	const struct scene *s = *state;
	struct acceptor acceptor;
	int r;

	calloc_fails = true;
	r = acceptor_init(&acceptor, &s->env, false, -1);
	calloc_fails = false;
	assert_int_equal(r, -ENOMEM);
	acceptor_deinit(&acceptor);
}

/* What is taken */

static void test_next_takes_from_every_listener(void **state)
{
	struct scene *s = *state;
	int one = client_of(s, ONE), two = client_of(s, TWO);

	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, one, 1);
	assert_ptr_equal(s->connection.listener, &s->listeners[ONE]);
	assert_born_right(s->connection.fd);
	close_connection(s);
	assert_int_equal(next(s, 1), ACCEPTOR_CONNECTION);
	assert_accepted(s, two, 2);
	assert_ptr_equal(s->connection.listener, &s->listeners[TWO]);
	close_connection(s);
	(void)close(one);
	(void)close(two);
}

static void test_next_datagram_names_its_listener(void **state)
{
	struct scene *s = *state;

	send_datagram(s);
	assert_int_equal(next(s, 0), ACCEPTOR_DATAGRAM);
	assert_ptr_equal(s->connection.listener, &s->listeners[DATAGRAMS]);
	assert_int_equal(s->connection.fd, -1);
	assert_int_equal(count(s, TALLY_ACCEPTED), 0);
	take_datagram(s);
}

static void test_next_datagrams_of_others_are_left_alone(void **state)
{
	struct scene *s = *state;

	s->acceptor.datagrams = false;
	send_datagram(s);
	raise_fd(s->wake_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_WAKE);
	raise_fd(s->env.stop_fd);
	(void)eventfd_read(s->wake_fd, &(eventfd_t){ 0 });
	assert_int_equal(next(s, 0), ACCEPTOR_END);
}

static void test_next_client_that_left_the_queue_is_no_event(void **state)
{
	static const int errors[] = { EAGAIN };
	struct scene *s = *state;
	int one = client_of(s, ONE), two = client_of(s, TWO);

	fail_accepts(errors, 1);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, two, 1);
	assert_int_equal(count(s, TALLY_ACCEPT_PAUSES), 0);
	close_connection(s);
	(void)close(one);
	(void)close(two);
}

static void test_next_broken_listener_is_an_error(void **state)
{
	static const int errors[] = { EINVAL };
	struct scene *s = *state;
	int client = client_of(s, ONE);

	s->env.limits.max_admitted = 1;
	fail_accepts(errors, 1);
	assert_int_equal(next(s, 0), -EINVAL);
	assert_false(admission_closed(&s->env)); /* it was given back */
	(void)close(client);
}

/* Limits */

static void test_next_at_the_limit_leaves_the_queue_alone(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	raise_fd(s->wake_fd);
	assert_int_equal(next(s, 10), ACCEPTOR_WAKE);
	assert_int_equal(accepts, 0);
	assert_int_equal(next(s, 9), ACCEPTOR_WAKE);
	(void)eventfd_read(s->wake_fd, &(eventfd_t){ 0 });
	assert_int_equal(next(s, 9), ACCEPTOR_CONNECTION);
	assert_accepted(s, client, 1);
	close_connection(s);
	(void)close(client);
}

/* Both were found ready by one look, and the first filled the last place. */
static void test_next_limit_reached_between_two_ready(void **state)
{
	struct scene *s = *state;
	int one = client_of(s, ONE), two = client_of(s, TWO);

	assert_int_equal(next(s, 9), ACCEPTOR_CONNECTION);
	close_connection(s);
	raise_fd(s->wake_fd);
	assert_int_equal(next(s, 10), ACCEPTOR_WAKE);
	assert_int_equal(accepts, 1);
	(void)close(one);
	(void)close(two);
}

static void test_next_at_the_limit_still_hears_datagrams(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	send_datagram(s);
	assert_int_equal(next(s, 10), ACCEPTOR_DATAGRAM);
	assert_int_equal(accepts, 0);
	take_datagram(s);
	(void)close(client);
}

static void test_next_after_the_last_admission_takes_no_more(void **state)
{
	struct scene *s = *state;
	int one = client_of(s, ONE), two = client_of(s, TWO);

	s->env.limits.max_admitted = 1;
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	send_datagram(s);
	raise_fd(s->wake_fd);
	assert_int_equal(next(s, 1), ACCEPTOR_WAKE);
	assert_int_equal(accepts, 1);
	(void)eventfd_read(s->wake_fd, &(eventfd_t){ 0 });
	close_connection(s);
	connection_over(&s->env, &s->connection);
	assert_int_equal(next(s, 0), ACCEPTOR_END); /* nobody else stops it */
	assert_int_equal(accepts, 1);
	(void)close(one);
	(void)close(two);
}

/* Lack of room */

static void assert_tells_a_pause(struct scene *s, int error)
{
	struct event event;

	assert_true(event_ring_take(s->env.events, &event));
	assert_int_equal(event.kind, EVENT_ACCEPT_PAUSED);
	assert_int_equal(event.value, error);
	assert_false(event_ring_take(s->env.events, &event));
}

/* Another worker took the last one, but what it took did not come. */
static void test_next_admission_given_back_is_noticed(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	s->env.limits.max_admitted = 1;
	assert_true(admission_take(&s->env));
	gives_back = &s->env;
	assert_int_equal(acceptor_next(&s->acceptor, 0, &s->connection),
			 ACCEPTOR_CONNECTION);
	(void)close(s->connection.fd);
	(void)close(client);
}

static void test_next_without_room_pauses(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM };
	struct scene *s = *state;
	int client = client_of(s, ONE);
	uint64_t start_ns = meari_now_ns();

	fail_accepts(errors, 5);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, client, 1);
	assert_int_equal(accepts, 6); /* did not spin */
	assert_true(meari_now_ns() - start_ns >= 500 * MEARI_MS);
	assert_int_equal(count(s, TALLY_ACCEPT_PAUSES), 5);
	assert_tells_a_pause(s, EMFILE);
	close_connection(s);
	(void)close(client);
}

/* Each lack of room once, however many pauses it takes. */
static void test_next_without_room_again_tells_again(void **state)
{
	static const int errors[] = { EMFILE, ENFILE };
	struct scene *s = *state;
	int one = client_of(s, ONE), two;

	fail_accepts(errors, 1);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_tells_a_pause(s, EMFILE);
	close_connection(s);
	two = client_of(s, ONE);
	fail_accepts(errors + 1, 1);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_tells_a_pause(s, ENFILE);
	close_connection(s);
	(void)close(one);
	(void)close(two);
}

static void test_next_without_room_gives_the_admission_back(void **state)
{
	static const int errors[] = { EMFILE };
	struct scene *s = *state;
	int client = client_of(s, ONE);

	s->env.limits.max_admitted = 1;
	fail_accepts(errors, 1);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, client, 1);
	close_connection(s);
	(void)close(client);
}

static void test_next_paused_still_hears_datagrams(void **state)
{
	static const int errors[] = { EMFILE };
	struct scene *s = *state;
	int client = client_of(s, ONE);

	send_datagram(s);
	fail_accepts(errors, 1);
	assert_int_equal(next(s, 0), ACCEPTOR_DATAGRAM);
	assert_int_equal(next(s, 0), ACCEPTOR_DATAGRAM);
	assert_int_equal(accepts, 1);
	take_datagram(s);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	close_connection(s);
	(void)close(client);
}

/* A datagram socket that is always ready does not put the end off. */
static void test_next_pause_ends_among_datagrams(void **state)
{
	static const int errors[] = { EMFILE };
	struct scene *s = *state;
	int client = client_of(s, ONE);
	int r;

	send_datagram(s);
	fail_accepts(errors, 1);
	do
		r = next(s, 0);
	while (r == ACCEPTOR_DATAGRAM);
	assert_int_equal(r, ACCEPTOR_CONNECTION);
	close_connection(s);
	(void)close(client);
}

/* Something is over, so there may be room: no need to wait it out. */
static void test_next_wake_ends_the_pause(void **state)
{
	static const int errors[] = { EMFILE };
	struct scene *s = *state;
	int client = client_of(s, ONE);

	fail_accepts(errors, 1);
	raise_fd(s->wake_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_WAKE);
	assert_int_equal(next(s, 0), ACCEPTOR_WAKE); /* after EMFILE */
	assert_int_equal(accepts, 1);
	assert_int_equal(s->acceptor.paused_until_ns, 0);
	(void)eventfd_read(s->wake_fd, &(eventfd_t){ 0 });
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, client, 1);
	close_connection(s);
	(void)close(client);
}

/* A connection that was given back */

static void test_hold_returns_the_same_after_a_pause(void **state)
{
	struct scene *s = *state;
	int one = client_of(s, ONE), two = client_of(s, TWO), fd;

	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	fd = s->connection.fd;
	acceptor_hold(&s->acceptor, &s->connection, -EAGAIN);
	assert_int_equal(s->connection.fd, -1);
	assert_int_equal(count(s, TALLY_ACCEPT_PAUSES), 1);
	assert_tells_a_pause(s, EAGAIN);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_int_equal(s->connection.fd, fd);
	assert_accepted(s, one, 1);
	close_connection(s);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, two, 2);
	close_connection(s);
	(void)close(one);
	(void)close(two);
}

static void test_hold_comes_back_while_stopping(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	acceptor_hold(&s->acceptor, &s->connection, -ENOMEM);
	raise_fd(s->env.stop_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, client, 1);
	close_connection(s);
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	(void)close(client);
}

static void test_hold_until_the_drain_is_over_is_reset(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	s->env.drain_ns = 5 * MEARI_MS;
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	acceptor_hold(&s->acceptor, &s->connection, -ENOMEM);
	raise_fd(s->env.stop_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	acceptor_deinit(&s->acceptor);
	assert_was_reset(client);
	assert_int_equal(count(s, TALLY_DRAIN_RESET), 1);
	assert_int_equal(count(s, TALLY_ENDED), 1);
	(void)close(client);
}

/* Ending */

static void test_stop_takes_what_is_queued_then_ends(void **state)
{
	struct scene *s = *state;
	int clients[5];

	for (size_t i = 0; i < 5; i++)
		clients[i] = client_of(s, i % 2 ? TWO : ONE);
	raise_fd(s->env.stop_fd);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
		close_connection(s);
	}
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	assert_int_equal(count(s, TALLY_ACCEPTED), 5);
	for (size_t i = 0; i < 5; i++)
		(void)close(clients[i]);
}

static int try_to_connect(const struct meari_addr *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = connect(fd, &addr->sa, addr->len) < 0 ? -errno : 0;

	(void)close(fd);
	return r;
}

/* But a listener that others accept on as well is left as it is. */
static void test_stop_refuses_who_comes_after_the_queue(void **state)
{
	struct scene *s = *state;

	s->listeners[ONE].ours = true;
	s->listeners[DATAGRAMS].ours = true;
	raise_fd(s->env.stop_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	assert_int_equal(try_to_connect(&s->listeners[ONE].addr),
			 -ECONNREFUSED);
	assert_int_equal(try_to_connect(&s->listeners[TWO].addr), 0);
}

static void test_stop_on_a_busy_machine_takes_what_is_queued(void **state)
{
	struct scene *s = *state;
	int clients[5];

	for (size_t i = 0; i < 5; i++)
		clients[i] = client_of(s, ONE);
	raise_fd(s->env.stop_fd);
	clock_step_ns = 100 * MEARI_MS;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
		close_connection(s);
	}
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	for (size_t i = 0; i < 5; i++)
		(void)close(clients[i]);
}

static void test_stop_hears_the_datagrams_that_wait(void **state)
{
	struct scene *s = *state;

	raise_fd(s->env.stop_fd);
	send_datagram(s);
	send_datagram(s);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(next(s, 0), ACCEPTOR_DATAGRAM);
		take_datagram(s);
	}
	assert_int_equal(next(s, 0), ACCEPTOR_END);
}

static void test_stop_at_the_limit_waits_for_room(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	s->listeners[ONE].ours = true;
	raise_fd(s->env.stop_fd);
	raise_fd(s->wake_fd);
	assert_int_equal(next(s, 10), ACCEPTOR_WAKE);
	/* Taken from the queue it waits here, and nobody else may come. */
	assert_int_equal(count(s, TALLY_ACCEPTED), 1);
	assert_int_equal(try_to_connect(&s->listeners[ONE].addr),
			 -ECONNREFUSED);
	(void)eventfd_read(s->wake_fd, &(eventfd_t){ 0 });
	assert_int_equal(next(s, 9), ACCEPTOR_CONNECTION);
	assert_accepted(s, client, 1);
	close_connection(s);
	(void)close(client);
}

static void test_stop_at_the_limit_ends_with_the_drain(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	s->env.drain_ns = 5 * MEARI_MS;
	raise_fd(s->env.stop_fd);
	assert_int_equal(next(s, 10), ACCEPTOR_END);
	assert_int_equal(count(s, TALLY_DRAIN_RESET), 1);
	assert_int_equal(count(s, TALLY_ENDED), 1);
	(void)close(client);
}

static void test_stop_without_room_takes_the_queue_later(void **state)
{
	static const int errors[] = { EMFILE };
	struct scene *s = *state;
	int client = client_of(s, ONE);

	s->listeners[ONE].ours = true;
	fail_accepts(errors, 1);
	raise_fd(s->env.stop_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	assert_accepted(s, client, 1);
	close_connection(s);
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	assert_int_equal(try_to_connect(&s->listeners[ONE].addr),
			 -ECONNREFUSED);
	(void)close(client);
}

/* More than the list has room for at first, and than a test's queue has. */
static void test_stop_takes_a_long_queue_in_order(void **state)
{
	struct scene *s = *state;
	int clients[40];

	assert_int_equal(listen(s->listeners[ONE].fd, 40), 0);
	for (size_t i = 0; i < 40; i++)
		clients[i] = client_of(s, ONE);
	raise_fd(s->env.stop_fd);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
		assert_int_equal(s->connection.number, i + 1);
		close_connection(s);
	}
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	for (size_t i = 0; i < 40; i++)
		(void)close(clients[i]);
}

/* In a child, whose status tells what it found open. */
static int open_after_leaving(const struct scene *s,
			      const struct engine_listener *keep)
{
	int fds[] = { s->listeners[ONE].fd, s->listeners[TWO].fd,
		      s->listeners[DATAGRAMS].fd, s->wake_fd,
		      s->acceptor.pending.items[0].fd };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int open = 0;

		acceptor_leave(&s->acceptor, keep);
		for (size_t i = 0; i < 5; i++)
			open |= (fcntl(fds[i], F_GETFD) >= 0) << i;
		_exit(open);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_leave_closes_all_but_what_is_kept(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	assert_int_equal(next(s, 0), ACCEPTOR_CONNECTION);
	acceptor_hold(&s->acceptor, &s->connection, -EAGAIN);
	assert_int_equal(s->connection.fd, -1);
	assert_int_equal(open_after_leaving(s, NULL), 0);
	assert_int_equal(open_after_leaving(s, &s->listeners[DATAGRAMS]),
			 1 << DATAGRAMS);
	(void)close(client);
}

static void test_wake_at_wakes_once(void **state)
{
	struct scene *s = *state;

	s->acceptor.wake_at_ns = meari_after_ns(5 * MEARI_MS);
	assert_int_equal(next(s, 0), ACCEPTOR_WAKE);
	assert_int_equal(s->acceptor.wake_at_ns, MEARI_NEVER);
}

/* Datagrams without end end with the drain. */
static void test_stop_under_a_flood_ends_with_the_drain(void **state)
{
	struct scene *s = *state;
	int r;

	s->env.drain_ns = 20 * MEARI_MS;
	raise_fd(s->env.stop_fd);
	send_datagram(s);
	do
		r = next(s, 0);
	while (r == ACCEPTOR_DATAGRAM);
	assert_int_equal(r, ACCEPTOR_END);
}

static void test_abort_ends_at_once(void **state)
{
	struct scene *s = *state;
	int client = client_of(s, ONE);

	raise_fd(s->env.abort_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	assert_int_equal(accepts, 0);
	(void)close(client);
}

static void test_abort_while_paused_ends_at_once(void **state)
{
	static const int errors[] = { EMFILE };
	struct scene *s = *state;
	int client = client_of(s, ONE);

	fail_accepts(errors, 1);
	raise_fd(s->wake_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_WAKE);
	raise_fd(s->env.abort_fd);
	assert_int_equal(next(s, 0), ACCEPTOR_END);
	assert_true(s->acceptor.control.aborted);
	(void)close(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_init_without_memory_fails),
		TEST(test_next_takes_from_every_listener),
		TEST(test_next_datagram_names_its_listener),
		TEST(test_next_datagrams_of_others_are_left_alone),
		TEST(test_next_client_that_left_the_queue_is_no_event),
		TEST(test_next_broken_listener_is_an_error),
		TEST(test_next_at_the_limit_leaves_the_queue_alone),
		TEST(test_next_limit_reached_between_two_ready),
		TEST(test_next_at_the_limit_still_hears_datagrams),
		TEST(test_next_after_the_last_admission_takes_no_more),
		TEST(test_next_admission_given_back_is_noticed),
		TEST(test_next_without_room_pauses),
		TEST(test_next_without_room_again_tells_again),
		TEST(test_next_without_room_gives_the_admission_back),
		TEST(test_next_paused_still_hears_datagrams),
		TEST(test_next_pause_ends_among_datagrams),
		TEST(test_next_wake_ends_the_pause),
		TEST(test_hold_returns_the_same_after_a_pause),
		TEST(test_hold_comes_back_while_stopping),
		TEST(test_hold_until_the_drain_is_over_is_reset),
		TEST(test_stop_takes_what_is_queued_then_ends),
		TEST(test_stop_refuses_who_comes_after_the_queue),
		TEST(test_stop_on_a_busy_machine_takes_what_is_queued),
		TEST(test_stop_hears_the_datagrams_that_wait),
		TEST(test_stop_at_the_limit_waits_for_room),
		TEST(test_stop_at_the_limit_ends_with_the_drain),
		TEST(test_stop_without_room_takes_the_queue_later),
		TEST(test_stop_takes_a_long_queue_in_order),
		TEST(test_leave_closes_all_but_what_is_kept),
		TEST(test_wake_at_wakes_once),
		TEST(test_stop_under_a_flood_ends_with_the_drain),
		TEST(test_abort_ends_at_once),
		TEST(test_abort_while_paused_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
