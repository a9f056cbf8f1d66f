/* SPDX-License-Identifier: MIT */
#include <meari/sockopt.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <meari/clock.h>

#include "addr/escape.h"
#include "base/fail.h"
#include "base/parse.h"

/* No option has a longer name. */
#define NAME_MAX_LEN 31

struct unit {
	uint64_t ns;        /* 0: it is not a time */
	const char *suffix; /* behind a formatted number */
	const char *plural;
	const char *takes;
};

/* What a socket is, as far as options go. */
struct kind {
	int family;
	int socktype;
};

/* What the kernel reads or writes. */
union raw {
	int number;
	struct linger linger;
	char text[sizeof((struct meari_sockopt_value *)NULL)->text];
};

static const struct unit units[] = {
	[MEARI_SOCKOPT_UNIT_NONE] = { 0, "", "", "a number" },
	[MEARI_SOCKOPT_UNIT_BYTES] = { 0, " bytes", " bytes",
			       "a size: 65536, 64k, 64Ki" },
	[MEARI_SOCKOPT_UNIT_SECONDS] = { MEARI_S, " s", " seconds",
				 "a time: 30, 30s, 2m" },
	[MEARI_SOCKOPT_UNIT_MILLISECONDS] = { MEARI_MS, " ms", " milliseconds",
				      "a time: 500, 500ms, 2s" },
	[MEARI_SOCKOPT_UNIT_MICROSECONDS] = { MEARI_US, " us", " microseconds",
				      "a time: 50, 50us, 1ms" },
};

static const struct {
	const char *text;
	int value;
} flag_words[] = {
	{ "0", 0 }, { "off", 0 }, { "no", 0 },
	{ "1", 1 }, { "on", 1 },  { "yes", 1 },
};

static const char parse_step[] = "option";
static const char set_step[] = "set";

static int max_of(const struct meari_sockopt *opt)
{
	return opt->max > 0 ? opt->max : INT_MAX;
}

static const char *takes(const struct meari_sockopt *opt)
{
	switch (opt->type) {
	case MEARI_SOCKOPT_FLAG:
		return "on or off";
	case MEARI_SOCKOPT_TEXT:
		return "a name of 1 to 15 characters";
	case MEARI_SOCKOPT_LINGER:
		return "off, or a time: 0, 5s";
	case MEARI_SOCKOPT_INT:
		break;
	}
	return units[opt->unit].takes;
}

static int bad_value(const struct meari_sockopt *opt, struct meari_fail *fail)
{
	return fail_setf(fail, -EINVAL, parse_step, NULL, "%s takes %s",
			 opt->name, takes(opt));
}

static int parse_flag(const struct meari_sockopt *opt, const char *text,
		      int *ret, struct meari_fail *fail)
{
	for (size_t i = 0; i < sizeof flag_words / sizeof *flag_words; i++) {
		if (strcmp(flag_words[i].text, text) == 0) {
			*ret = flag_words[i].value;
			return 0;
		}
	}
	return bad_value(opt, fail);
}

static int parse_number(const struct meari_sockopt *opt, const char *text,
			int *ret, struct meari_fail *fail)
{
	const struct unit *unit = &units[opt->unit];
	const uint64_t max = (uint64_t)max_of(opt); /* it is positive */
	uint64_t n = 0, rest = 0;
	int r;

	if (unit->ns > 0) {
		r = parse_duration(text, unit->ns, &n);
		rest = n % unit->ns;
		n /= unit->ns;
	} else if (opt->unit == MEARI_SOCKOPT_UNIT_BYTES) {
		r = parse_bytes(text, max, &n);
	} else {
		r = parse_u64(text, max, &n);
	}
	if (r == -ERANGE || n > max)
		return fail_setf(fail, -ERANGE, parse_step, NULL,
				 "%s is at most %d%s", opt->name, max_of(opt),
				 unit->plural);
	if (r < 0)
		return bad_value(opt, fail);
	if (rest > 0)
		return fail_setf(fail, -EINVAL, parse_step, NULL,
				 "not a whole number of%s", unit->plural);
	*ret = (int)n; /* at most max_of() */
	return 0;
}

static int parse_text(const struct meari_sockopt *opt, const char *text,
		      struct meari_sockopt_value *ret, struct meari_fail *fail)
{
	size_t len = strlen(text);

	if (len >= sizeof ret->text)
		return fail_setf(fail, -ERANGE, parse_step, NULL,
				 "%s is at most %zu characters long", opt->name,
				 sizeof ret->text - 1);
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return bad_value(opt, fail);
	if (len == 0)
		return bad_value(opt, fail);
	memcpy(ret->text, text, len + 1);
	return 0;
}

static int parse_value(const char *text, struct meari_sockopt_value *ret,
		       struct meari_fail *fail)
{
	switch (ret->opt->type) {
	case MEARI_SOCKOPT_FLAG:
		return parse_flag(ret->opt, text, &ret->number, fail);
	case MEARI_SOCKOPT_TEXT:
		return parse_text(ret->opt, text, ret, fail);
	case MEARI_SOCKOPT_LINGER:
		if (strcmp(text, "off") == 0) {
			ret->number = -1;
			return 0;
		}
		break;
	case MEARI_SOCKOPT_INT:
		break;
	}
	return parse_number(ret->opt, text, &ret->number, fail);
}

static int parse(const char *text, struct meari_sockopt_value *ret,
		 struct meari_fail *fail)
{
	char name[NAME_MAX_LEN + 1] = "";
	size_t len = strcspn(text, "=");

	if (len < sizeof name)
		memcpy(name, text, len);
	ret->opt = meari_sockopt_find(name);
	if (!ret->opt)
		return fail_setf(fail, -ENOENT, parse_step, NULL,
				 "no such option; see the list in "
				 "meari-serve(1)");
	if (text[len] == '\0')
		return fail_setf(fail, -EINVAL, parse_step, NULL,
				 "no '='; %s= takes %s", name,
				 takes(ret->opt));
	return parse_value(text + len + 1, ret, fail);
}

static int get_int(int fd, int optname, int *ret)
{
	socklen_t len = sizeof *ret;

	return getsockopt(fd, SOL_SOCKET, optname, ret, &len) < 0 ? -errno : 0;
}

static int kind_of(int fd, struct kind *ret)
{
	int r = get_int(fd, SO_DOMAIN, &ret->family);

	return r < 0 ? r : get_int(fd, SO_TYPE, &ret->socktype);
}

static const char *kind_name(const struct kind *kind)
{
	bool v6 = kind->family == AF_INET6;

	if (kind->family == AF_UNIX)
		return "a Unix socket";
	if (!v6 && kind->family != AF_INET)
		return "a socket of this family";
	if (kind->socktype == SOCK_STREAM)
		return v6 ? "a TCP socket over IPv6" : "a TCP socket over IPv4";
	if (kind->socktype == SOCK_DGRAM)
		return v6 ? "a UDP socket over IPv6" : "a UDP socket over IPv4";
	return "a socket of this type";
}

static int level_of(const struct meari_sockopt *opt, int family)
{
	return family == AF_INET6 && opt->level6 ? opt->level6 : opt->level;
}

static int optname_of(const struct meari_sockopt *opt, int family)
{
	return family == AF_INET6 && opt->level6 ? opt->optname6 : opt->optname;
}

static socklen_t to_raw(const struct meari_sockopt_value *value, union raw *raw)
{
	int number = value->number;

	switch (value->opt->type) {
	case MEARI_SOCKOPT_TEXT:
		memcpy(raw->text, value->text, sizeof raw->text);
		return (socklen_t)strnlen(raw->text, sizeof raw->text);
	case MEARI_SOCKOPT_LINGER:
		raw->linger = (struct linger){
			.l_onoff = number >= 0,
			.l_linger = number >= 0 ? number : 0,
		};
		return sizeof raw->linger;
	case MEARI_SOCKOPT_FLAG:
	case MEARI_SOCKOPT_INT:
		break;
	}
	raw->number = number;
	return sizeof raw->number;
}

static struct meari_sockopt_value from_raw(const struct meari_sockopt *opt,
					   const union raw *raw)
{
	struct meari_sockopt_value value = { .opt = opt };

	switch (opt->type) {
	case MEARI_SOCKOPT_TEXT:
		memcpy(value.text, raw->text, sizeof value.text - 1);
		break;
	case MEARI_SOCKOPT_LINGER:
		value.number = raw->linger.l_onoff ? raw->linger.l_linger : -1;
		break;
	case MEARI_SOCKOPT_FLAG:
		value.number = raw->number != 0;
		break;
	case MEARI_SOCKOPT_INT:
		value.number = raw->number;
		break;
	}
	return value;
}

static void format(const struct meari_sockopt_value *value, const char *suffix,
		   char *buf, size_t len)
{
	const char *word = NULL;

	if (value->opt->type == MEARI_SOCKOPT_TEXT)
		word = value->text;
	else if (value->opt->type == MEARI_SOCKOPT_FLAG)
		word = value->number ? "on" : "off";
	else if (value->opt->type == MEARI_SOCKOPT_LINGER && value->number < 0)
		word = "off";
	if (word)
		(void)snprintf(buf, len, "%s", word);
	else
		(void)snprintf(buf, len, "%d%s", value->number, suffix);
}

/* strerror(3) would say "No such file or directory" of an algorithm, and of a
 * missing privilege not which one. */
static int set_failed(const struct meari_sockopt_value *value, int error,
		      const char *what, struct meari_fail *fail)
{
	if (error == -ENOENT && value->opt->type == MEARI_SOCKOPT_TEXT)
		return fail_setf(fail, error, set_step, what,
				 "this kernel has none of that name");
	if (error == -EPERM)
		return fail_setf(fail, error, set_step, what, "%s; %s needs "
				 "CAP_NET_ADMIN for this value",
				 strerror(EPERM), value->opt->constant);
	return fail_set(fail, error, set_step, what);
}

int meari_sockopt_parse(const char *text, struct meari_sockopt_value *ret_value,
			struct meari_fail *fail)
{
	struct meari_sockopt_value value = { .opt = NULL };
	int r = parse(text, &value, fail);

	if (r < 0) {
		if (fail)
			(void)escape_quoted(fail->what, sizeof fail->what,
					    text);
		return r;
	}
	*ret_value = value;
	return 0;
}

bool meari_sockopt_applies(const struct meari_sockopt *opt, int family,
			   int socktype)
{
	if (family == AF_UNIX)
		return opt->on & MEARI_SOCKOPT_ON_UNIX;
	if (family != AF_INET6 && (family != AF_INET || opt->ipv6_only))
		return false;
	return (socktype == SOCK_STREAM && opt->on & MEARI_SOCKOPT_ON_TCP) ||
	       (socktype == SOCK_DGRAM && opt->on & MEARI_SOCKOPT_ON_UDP);
}

int meari_sockopt_set(int fd, const struct meari_sockopt_value *value,
		      struct meari_fail *fail)
{
	const struct meari_sockopt *opt = value->opt;
	char what[64], text[MEARI_SOCKOPT_VALUE_TEXT];
	struct kind kind;
	union raw raw;
	socklen_t len = to_raw(value, &raw);
	int r;

	format(value, "", text, sizeof text);
	(void)snprintf(what, sizeof what, "%s=%s", opt->name, text);
	r = kind_of(fd, &kind);
	if (r < 0)
		return fail_set(fail, r, set_step, what);
	if (!meari_sockopt_applies(opt, kind.family, kind.socktype))
		return fail_setf(fail, -ENOPROTOOPT, set_step, what,
				 "%s has no %s", kind_name(&kind),
				 opt->constant);
	if (setsockopt(fd, level_of(opt, kind.family),
		       optname_of(opt, kind.family), &raw, len) < 0)
		return set_failed(value, -errno, what, fail);
	return 0;
}

int meari_sockopt_get(int fd, const struct meari_sockopt *opt,
		      struct meari_sockopt_value *ret_value)
{
	struct kind kind;
	union raw raw = { .text = "" };
	socklen_t len = sizeof raw.text;
	int r;

	r = kind_of(fd, &kind);
	if (r < 0)
		return r;
	if (!meari_sockopt_applies(opt, kind.family, kind.socktype))
		return -ENOPROTOOPT;
	if (opt->type == MEARI_SOCKOPT_LINGER)
		len = sizeof raw.linger;
	else if (opt->type != MEARI_SOCKOPT_TEXT)
		len = sizeof raw.number;
	if (getsockopt(fd, level_of(opt, kind.family),
		       optname_of(opt, kind.family), &raw, &len) < 0)
		return -errno;
	*ret_value = from_raw(opt, &raw);
	return 0;
}

char *meari_sockopt_format(const struct meari_sockopt_value *value, char *buf,
			   size_t len)
{
	format(value, units[value->opt->unit].suffix, buf, len);
	return buf;
}
