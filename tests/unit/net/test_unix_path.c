/* SPDX-License-Identifier: MIT */
#include "loopback.h"

#include <pthread.h>
#include <sys/file.h>

#include <meari/io.h>
#include <meari/listen.h>

/* What the wrapped calls do besides the real thing. */
static struct {
	int connect_error;
	int unlink_error;
	int listen_error;
	int flock_error;
	unsigned flock_times; /* so often */
	const char *watched;  /* folder that must be locked during listen() */
	bool was_locked;
	uint64_t skipped_ns;  /* the clock, put forward by waiting */
	bool skip_waits;
} plan;

int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __real_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);
int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);
uint64_t __real_meari_now_ns(void);
uint64_t __wrap_meari_now_ns(void);

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (plan.connect_error != 0) {
		errno = plan.connect_error;
		return -1;
	}
	return __real_connect(fd, sa, len);
}

int __wrap_unlink(const char *path)
{
	if (plan.unlink_error != 0) {
		errno = plan.unlink_error;
		return -1;
	}
	return __real_unlink(path);
}

static bool is_locked(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool locked = __real_flock(fd, LOCK_EX | LOCK_NB) < 0 &&
		      errno == EWOULDBLOCK;

	(void)close(fd);
	return locked;
}

int __wrap_listen(int fd, int backlog)
{
	if (plan.watched)
		plan.was_locked = is_locked(plan.watched);
	if (plan.listen_error != 0) {
		errno = plan.listen_error;
		return -1;
	}
	return __real_listen(fd, backlog);
}

int __wrap_flock(int fd, int operation)
{
	if (plan.flock_times > 0) {
		plan.flock_times--;
		errno = plan.flock_error;
		return -1;
	}
	return __real_flock(fd, operation);
}

int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns)
{
	if (!plan.skip_waits)
		return __real_meari_poll(fds, n_fds, until_ns);
	plan.skipped_ns += 5 * MEARI_MS;
	return -ETIMEDOUT;
}

uint64_t __wrap_meari_now_ns(void)
{
	return __real_meari_now_ns() + plan.skipped_ns;
}

static char folder[64], path[80];
static struct meari_endpoint endpoint;

static int setup(void **state)
{
	(void)state;
	plan = (typeof(plan)){ .connect_error = 0 };
	(void)snprintf(folder, sizeof folder, "/tmp/meari-unix-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof path, "%s/echo", folder);
	endpoint = endpoint_of("unix:%s", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)__real_unlink(path);
	return rmdir(folder);
}

/* A socket bound to the path by somebody else. */
static int foreign_socket(int type)
{
	const struct meari_addr addr = unix_addr_of(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, &addr.sa, addr.len), 0);
	return fd;
}

static ino_t inode(void)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static struct meari_listeners open_all(void)
{
	struct meari_listeners listeners;
	struct meari_fail fail = { .why = "" };

	if (meari_listen(&endpoint, NULL, &listeners, &fail) < 0)
		fail_msg("%s: %s", fail.step, fail.why);
	return listeners;
}

/* Opening is refused for this reason, and the file stays. */
static void assert_refused(const char *why)
{
	struct meari_listeners listeners;
	struct meari_fail fail;
	const ino_t ino = inode();
	const size_t before = open_fds();
	char what[MEARI_ADDR_TEXT];

	assert_int_equal(meari_listen(&endpoint, NULL, &listeners, &fail),
			 -EADDRINUSE);
	(void)snprintf(what, sizeof what, "unix:%s", path);
	assert_string_equal(fail.step, "bind");
	assert_string_equal(fail.what, what);
	assert_string_equal(fail.why, why);
	assert_int_equal(inode(), ino);
	assert_int_equal(open_fds(), before);
}

static void test_path_new_is_private_and_removed_at_close(void **state)
{
	const mode_t mask = umask(0);
	struct meari_listeners listeners = open_all();
	const struct meari_addr addr = unix_addr_of(path);
	struct stat st;
	int clientfd, connfd = -1;

	(void)state;
	(void)umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(listeners.n_items, 1);
	assert_int_equal(listeners.items[0].path_ino, st.st_ino);
	assert_int_equal(listeners.items[0].path_dev, st.st_dev);
	assert_born_right(listeners.items[0].fd);
	clientfd = connected_socket(&addr);
	assert_int_equal(meari_accept(listeners.items[0].fd, &connfd, NULL), 0);
	(void)close(connfd);
	(void)close(clientfd);
	meari_listeners_close(&listeners);
	assert_int_equal(inode(), 0);
}

static void test_path_stale_is_replaced(void **state)
{
	struct meari_listeners listeners;

	(void)state;
	(void)close(foreign_socket(SOCK_STREAM));
	assert_int_not_equal(inode(), 0);
	listeners = open_all();
	meari_listeners_close(&listeners);
	(void)close(foreign_socket(SOCK_DGRAM));
	listeners = open_all();
	assert_int_equal(listeners.items[0].path_ino, inode());
	meari_listeners_close(&listeners);
	assert_int_equal(inode(), 0);
}

static void test_path_of_live_server_is_refused(void **state)
{
	struct meari_listeners listeners = open_all();
	const struct meari_addr addr = unix_addr_of(path);
	int clientfd, connfd;

	(void)state;
	assert_refused("Address already in use; a server is answering on it");
	/* It is left alive, and has not been made to serve anybody. */
	assert_int_equal(meari_accept(listeners.items[0].fd, &connfd, NULL),
			 -EAGAIN);
	clientfd = connected_socket(&addr);
	(void)close(clientfd);
	meari_listeners_close(&listeners);
}

static void test_path_of_server_with_full_queue_is_refused(void **state)
{
	int fd = foreign_socket(SOCK_STREAM);
	const struct meari_addr addr = unix_addr_of(path);
	int clientfd;

	(void)state;
	assert_int_equal(listen(fd, 0), 0);
	clientfd = connected_socket(&addr);
	assert_refused("Address already in use; a server is answering on it");
	(void)close(clientfd);
	(void)close(fd);
}

static void test_path_of_datagram_socket_is_refused(void **state)
{
	int fd = foreign_socket(SOCK_DGRAM);

	(void)state;
	assert_refused("Address already in use; a server is answering on it");
	(void)close(fd);
}

static void test_path_that_is_no_socket_is_refused(void **state)
{
	(void)state;
	(void)close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_refused("Address already in use; it exists and is not a socket");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nonexistent/socket", path), 0);
	assert_refused("Address already in use; it exists and is not a socket");
}

static void test_path_that_cannot_be_probed_is_refused(void **state)
{
	(void)state;
	(void)close(foreign_socket(SOCK_STREAM));
	plan.connect_error = EACCES;
	assert_refused("Address already in use; no telling whether it is in "
		       "use: Permission denied");
}

static void test_path_stale_that_cannot_be_removed_fails(void **state)
{
	struct meari_listeners listeners;
	struct meari_fail fail;

	(void)state;
	(void)close(foreign_socket(SOCK_STREAM));
	plan.unlink_error = EPERM;
	assert_int_equal(meari_listen(&endpoint, NULL, &listeners, &fail),
			 -EPERM);
	assert_string_equal(fail.step, "unlink");
}

static void test_path_in_missing_folder_fails(void **state)
{
	const struct meari_endpoint missing =
		endpoint_of("unix:%s/none/echo", folder);
	struct meari_listeners listeners;
	struct meari_fail fail;

	(void)state;
	assert_int_equal(meari_listen(&missing, NULL, &listeners, &fail),
			 -ENOENT);
	assert_string_equal(fail.step, "bind");
}

static void test_path_failure_after_bind_removes_file(void **state)
{
	struct meari_listeners listeners;
	const size_t before = open_fds();

	(void)state;
	plan.listen_error = ENOBUFS;
	assert_int_equal(meari_listen(&endpoint, NULL, &listeners, NULL),
			 -ENOBUFS);
	assert_int_equal(inode(), 0);
	assert_int_equal(open_fds(), before);
}

static void test_path_replaced_meanwhile_is_not_removed(void **state)
{
	struct meari_listeners listeners = open_all();
	int fd;

	(void)state;
	assert_int_equal(unlink(path), 0);
	fd = foreign_socket(SOCK_STREAM);
	meari_listeners_close(&listeners);
	assert_int_not_equal(inode(), 0);
	(void)close(fd);
}

static void test_path_removed_meanwhile_is_no_trouble(void **state)
{
	struct meari_listeners listeners = open_all();

	(void)state;
	assert_int_equal(unlink(path), 0);
	meari_listeners_close(&listeners);
	assert_int_equal(listeners.n_items, 0);
}

static void test_abstract_name_makes_no_file(void **state)
{
	const struct meari_endpoint name =
		endpoint_of("unix:@meari-test-%ld", (long)getpid());
	struct meari_listeners listeners, second;
	struct meari_fail fail;

	(void)state;
	assert_int_equal(meari_listen(&name, NULL, &listeners, &fail), 0);
	assert_int_equal(listeners.items[0].path_ino, 0);
	assert_int_equal(meari_listen(&name, NULL, &second, &fail),
			 -EADDRINUSE);
	assert_string_equal(fail.why, "Address already in use; "
				      "`ss -lxp` shows by whom");
	meari_listeners_close(&listeners);
	assert_int_equal(meari_listen(&name, NULL, &listeners, &fail), 0);
	meari_listeners_close(&listeners);
}

static void test_lock_is_held_until_the_socket_listens(void **state)
{
	struct meari_listeners listeners;

	(void)state;
	plan.watched = folder;
	listeners = open_all();
	assert_true(plan.was_locked);
	assert_false(is_locked(folder));
	meari_listeners_close(&listeners);
}

static void test_lock_held_by_another_is_waited_for(void **state)
{
	struct meari_listeners listeners;

	(void)state;
	plan.skip_waits = true;
	plan.flock_error = EWOULDBLOCK;
	plan.flock_times = 10;
	plan.watched = folder;
	listeners = open_all();
	assert_int_equal(plan.flock_times, 0);
	assert_int_equal(plan.skipped_ns, 50 * MEARI_MS);
	assert_true(plan.was_locked);
	meari_listeners_close(&listeners);
}

static void test_lock_never_released_delays_only(void **state)
{
	struct meari_listeners listeners;

	(void)state;
	plan.skip_waits = true;
	plan.flock_error = EWOULDBLOCK;
	plan.flock_times = 100000;
	listeners = open_all();
	assert_in_range(plan.skipped_ns, 5 * MEARI_MS, 1005 * MEARI_MS);
	assert_in_range(plan.flock_times, 100000 - 202, 100000 - 2);
	meari_listeners_close(&listeners);
}

static void test_lock_not_to_be_had_goes_on_without(void **state)
{
	struct meari_listeners listeners;

	(void)state;
	plan.flock_error = ENOLCK;
	plan.flock_times = 1;
	plan.watched = folder;
	listeners = open_all();
	assert_false(plan.was_locked);
	meari_listeners_close(&listeners);
}

enum { STARTERS = 4 };

struct starter {
	pthread_t thread;
	struct meari_listeners listeners;
	int result;
};

static void *start(void *arg)
{
	struct starter *starter = arg;

	starter->result =
		meari_listen(&endpoint, NULL, &starter->listeners, NULL);
	return NULL;
}

static void test_path_several_servers_start_one_wins(void **state)
{
	struct starter starters[STARTERS];

	(void)state;
	for (int round = 0; round < 50; round++) {
		size_t winners = 0;

		(void)close(foreign_socket(SOCK_STREAM)); /* stale */
		for (size_t i = 0; i < STARTERS; i++)
			assert_int_equal(pthread_create(&starters[i].thread,
							NULL, start,
							&starters[i]),
					 0);
		for (size_t i = 0; i < STARTERS; i++)
			(void)pthread_join(starters[i].thread, NULL);
		for (size_t i = 0; i < STARTERS; i++) {
			if (starters[i].result == 0) {
				winners++;
				assert_int_equal(
					starters[i].listeners.items[0].path_ino,
					inode());
				meari_listeners_close(&starters[i].listeners);
			} else {
				assert_int_equal(starters[i].result,
						 -EADDRINUSE);
			}
		}
		assert_int_equal(winners, 1);
		assert_int_equal(inode(), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_path_new_is_private_and_removed_at_close),
		TEST(test_path_stale_is_replaced),
		TEST(test_path_of_live_server_is_refused),
		TEST(test_path_of_server_with_full_queue_is_refused),
		TEST(test_path_of_datagram_socket_is_refused),
		TEST(test_path_that_is_no_socket_is_refused),
		TEST(test_path_that_cannot_be_probed_is_refused),
		TEST(test_path_stale_that_cannot_be_removed_fails),
		TEST(test_path_in_missing_folder_fails),
		TEST(test_path_failure_after_bind_removes_file),
		TEST(test_path_replaced_meanwhile_is_not_removed),
		TEST(test_path_removed_meanwhile_is_no_trouble),
		TEST(test_abstract_name_makes_no_file),
		TEST(test_lock_is_held_until_the_socket_listens),
		TEST(test_lock_held_by_another_is_waited_for),
		TEST(test_lock_never_released_delays_only),
		TEST(test_lock_not_to_be_had_goes_on_without),
		TEST(test_path_several_servers_start_one_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
