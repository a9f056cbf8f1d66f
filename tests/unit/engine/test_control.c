/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/io.h>

#include "cmocka_all.h"
#include "engine/control.h"

static int poll_error; /* what meari_poll() returns; 0: the real thing */
static unsigned polls;

int __real_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);
int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);

int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns)
{
	polls++;
	return poll_error ? poll_error :
			    __real_meari_poll(fds, n_fds, until_ns);
}

/* A control over descriptors of its own; fds[CONTROL_N] is ready_fd. */
struct scene {
	struct engine_env env;
	struct control control;
	int ready_fd; /* readable */
	struct pollfd fds[CONTROL_N + 1];
};

static int setup(void **state)
{
	static struct scene scene;

	poll_error = 0;
	polls = 0;
	scene = (struct scene){
		.env = {
			.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.abort_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.drain_ns = 5 * MEARI_S,
		},
		.control = { .env = &scene.env },
		.ready_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	scene.fds[CONTROL_N] = (struct pollfd){
		.fd = scene.ready_fd,
		.events = POLLIN,
	};
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	(void)close(scene->env.stop_fd);
	(void)close(scene->env.abort_fd);
	(void)close(scene->ready_fd);
	return 0;
}

static int poll_until(struct scene *scene, uint64_t until_ns)
{
	return control_poll(&scene->control, scene->fds, CONTROL_N + 1,
			    until_ns);
}

static void test_poll_ready_descriptor_is_reported(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_int_equal(scene->fds[CONTROL_N].revents, POLLIN);
	assert_false(scene->control.stopping);
	assert_false(scene->control.aborted);
}

static void test_poll_nothing_ready_times_out(void **state)
{
	struct scene *scene = *state;

	scene->fds[CONTROL_N].fd = -1;
	assert_int_equal(poll_until(scene, meari_after_ns(MEARI_MS)),
			 -ETIMEDOUT);
	assert_int_equal(polls, 1);
}

static void test_poll_deadline_passed_times_out_even_if_ready(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(poll_until(scene, meari_now_ns()), -ETIMEDOUT);
	assert_int_equal(poll_until(scene, 0), -ETIMEDOUT);
	assert_int_equal(polls, 0);
}

static void test_poll_stop_is_noted_with_the_end_of_the_drain(void **state)
{
	struct scene *scene = *state;
	uint64_t before_ns = meari_now_ns();

	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_true(scene->control.stopping);
	assert_false(scene->control.aborted);
	assert_in_range(scene->control.drained_ns, before_ns + 5 * MEARI_S,
			meari_now_ns() + 5 * MEARI_S);
}

static void test_poll_stop_is_noted_once(void **state)
{
	struct scene *scene = *state;
	uint64_t drained_ns;

	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	drained_ns = scene->control.drained_ns;
	/* It stays readable, but wakes nobody again. */
	scene->fds[CONTROL_N].fd = -1;
	assert_int_equal(poll_until(scene, meari_after_ns(MEARI_MS)),
			 -ETIMEDOUT);
	scene->fds[CONTROL_N].fd = scene->ready_fd;
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_true(scene->control.drained_ns == drained_ns);
	assert_true(scene->control.stopping);
}

static void test_poll_stop_with_a_drain_without_end(void **state)
{
	struct scene *scene = *state;

	scene->env.drain_ns = MEARI_NEVER;
	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_true(scene->control.stopping);
	assert_true(scene->control.drained_ns == MEARI_NEVER);
}

static void test_poll_abort_is_noted_before_or_after_stop(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(eventfd_write(scene->env.abort_fd, 1), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_true(scene->control.aborted);
	assert_false(scene->control.stopping);
	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_true(scene->control.aborted);
	assert_true(scene->control.stopping);
}

/* The descriptors belong to every worker, so none may take the news away. */
static void test_poll_leaves_stop_and_abort_readable(void **state)
{
	struct scene *scene = *state;
	struct control other = { .env = &scene->env };

	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	assert_int_equal(eventfd_write(scene->env.abort_fd, 1), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_int_equal(control_poll(&other, scene->fds, CONTROL_N + 1,
				      MEARI_NEVER),
			 0);
	assert_true(other.stopping);
	assert_true(other.aborted);
}

static void test_poll_error_is_passed_on(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	poll_error = -ENOMEM;
	assert_int_equal(poll_until(scene, MEARI_NEVER), -ENOMEM);
	assert_false(scene->control.stopping);
}

/* Told once, and by then the drain has its end. */
static unsigned stops_told;

static void count_stop(struct control *control)
{
	assert_true(control->stopping);
	assert_true(control->drained_ns > 0);
	stops_told++;
}

static void test_on_stop_is_called_once(void **state)
{
	struct scene *scene = *state;

	stops_told = 0;
	scene->control.on_stop = count_stop;
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_int_equal(stops_told, 0);
	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_int_equal(poll_until(scene, MEARI_NEVER), 0);
	assert_int_equal(stops_told, 1);
}

static void test_copy_has_the_same_drain_and_no_hook(void **state)
{
	struct scene *scene = *state;
	struct control copy;

	scene->control.on_stop = count_stop;
	scene->control.stopping = true;
	scene->control.drained_ns = 17;
	copy = control_copy(&scene->control);
	assert_ptr_equal(copy.env, &scene->env);
	assert_true(copy.stopping);
	assert_int_equal(copy.drained_ns, 17);
	assert_null(copy.on_stop);
}

static void test_later_by_stays_at_never(void **state)
{
	(void)state;
	assert_int_equal(later_by(5, 3), 8);
	assert_int_equal(later_by(MEARI_NEVER, 3), MEARI_NEVER);
	assert_int_equal(later_by(MEARI_NEVER - 2, 3), MEARI_NEVER);
}

static void test_look_does_not_wait_and_finds_what_is_ready(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(control_look(&scene->control, scene->fds,
				      CONTROL_N + 1), 0);
	assert_int_equal(scene->fds[CONTROL_N].revents, POLLIN);
	scene->fds[CONTROL_N].fd = -1;
	assert_int_equal(control_look(&scene->control, scene->fds,
				      CONTROL_N + 1), -ETIMEDOUT);
	assert_false(scene->control.stopping);
}

static void test_look_notes_stop_and_abort(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(eventfd_write(scene->env.stop_fd, 1), 0);
	assert_int_equal(eventfd_write(scene->env.abort_fd, 1), 0);
	assert_int_equal(control_look(&scene->control, scene->fds,
				      CONTROL_N + 1), 0);
	assert_true(scene->control.stopping);
	assert_true(scene->control.aborted);
}

static void test_earlier_of_two(void **state)
{
	(void)state;
	assert_int_equal(earlier(1, 2), 1);
	assert_int_equal(earlier(2, 1), 1);
	assert_int_equal(earlier(MEARI_NEVER, 3), 3);
	assert_true(earlier(MEARI_NEVER, MEARI_NEVER) == MEARI_NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_poll_ready_descriptor_is_reported),
		TEST(test_poll_nothing_ready_times_out),
		TEST(test_poll_deadline_passed_times_out_even_if_ready),
		TEST(test_poll_stop_is_noted_with_the_end_of_the_drain),
		TEST(test_poll_stop_is_noted_once),
		TEST(test_poll_stop_with_a_drain_without_end),
		TEST(test_poll_abort_is_noted_before_or_after_stop),
		TEST(test_poll_leaves_stop_and_abort_readable),
		TEST(test_poll_error_is_passed_on),
		TEST(test_on_stop_is_called_once),
		TEST(test_copy_has_the_same_drain_and_no_hook),
		TEST(test_later_by_stays_at_never),
		TEST(test_look_does_not_wait_and_finds_what_is_ready),
		TEST(test_look_notes_stop_and_abort),
		TEST(test_earlier_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
