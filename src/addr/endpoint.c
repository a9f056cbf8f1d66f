/* SPDX-License-Identifier: MIT */
#include <meari/endpoint.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "addr/escape.h"
#include "base/fail.h"
#include "base/parse.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

/* RFC 1035, 2.3.4, as text: 255 octets less the first length and the root. */
#define HOST_MAX 253

/* As much of a bad part as is repeated in the reason. */
#define SHOWN 48

static const char step[] = "endpoint";

/* RFC 3986, 3.1. */
static const char scheme_bytes[] = LETTERS DIGITS "+-.";

/* RFC 1123, 2.1, and the underscore, which names in use do have. */
static const char name_bytes[] = LETTERS DIGITS "-._";

static const char unix_prefix[] = "unix:";

static const char *const scheme_names[] = {
	[MEARI_SCHEME_NONE] = "",
	[MEARI_SCHEME_TCP] = "tcp",
	[MEARI_SCHEME_UDP] = "udp",
	[MEARI_SCHEME_HTTP] = "http",
};

static_assert(sizeof((struct meari_endpoint *)NULL)->host > HOST_MAX,
	      "the longest host and its NUL fit");
static_assert(sizeof((struct meari_endpoint *)NULL)->path ==
		      sizeof((struct sockaddr_un *)NULL)->sun_path,
	      "the longest path and its NUL fit, and no longer one is taken");
static_assert(MEARI_ENDPOINT_TEXT >= sizeof "http://[]:65535" + HOST_MAX,
	      "the longest text fits");

/* The helpers below give the reason only; this adds what was typed. */
static int refuse(struct meari_fail *fail, int error, const char *text)
{
	if (fail)
		(void)escape_quoted(fail->what, sizeof fail->what, text);
	return error;
}

static bool is_unix(const char *text)
{
	return strncasecmp(text, unix_prefix, strlen(unix_prefix)) == 0;
}

/* Moves *@text behind the scheme, if it has one. */
static int take_scheme(const char **text, enum meari_scheme *ret,
		       struct meari_fail *fail)
{
	size_t len = strspn(*text, scheme_bytes);

	*ret = MEARI_SCHEME_NONE;
	if (strncmp(*text + len, "://", 3) != 0)
		return 0;
	for (unsigned i = MEARI_SCHEME_TCP; i <= MEARI_SCHEME_HTTP; i++) {
		if (strlen(scheme_names[i]) != len ||
		    strncasecmp(*text, scheme_names[i], len) != 0)
			continue;
		*text += len + strlen("://");
		*ret = (enum meari_scheme)i;
		return 0;
	}
	return fail_setf(fail, -EINVAL, step, NULL,
			 "scheme '%.*s' is not known; tcp://, udp://, "
			 "http:// and unix: are",
			 len < SHOWN ? (int)len : SHOWN, *text);
}

static int parse_port(const char *text, uint16_t *ret_port,
		      struct meari_fail *fail)
{
	char shown[SHOWN];
	uint64_t port;
	int r = parse_u64(text, UINT16_MAX, &port);

	if (r == 0) {
		*ret_port = (uint16_t)port; /* parse_u64() saw to the range */
		return 0;
	}
	(void)escape_bytes(shown, sizeof shown, text, strlen(text));
	if (r == -ERANGE)
		return fail_setf(fail, -EINVAL, step, NULL,
				 "port %s is above %d", shown, UINT16_MAX);
	return fail_setf(fail, -EINVAL, step, NULL,
			 "port '%s' is not a number from 0 to %d", shown,
			 UINT16_MAX);
}

static int parse_colon_port(const char *text, uint16_t *ret_port,
			    struct meari_fail *fail)
{
	if (*text == '\0')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "no port after the colon");
	return parse_port(text, ret_port, fail);
}

static int set_host(struct meari_endpoint *endpoint, const char *host,
		    size_t len, struct meari_fail *fail)
{
	if (len > HOST_MAX)
		return fail_setf(fail, -ENAMETOOLONG, step, NULL,
				 "the host has %zu bytes, %d are the most",
				 len, HOST_MAX);
	memcpy(endpoint->host, host, len);
	endpoint->host[len] = '\0';
	return 0;
}

/* Does it end in a number? No host name does (RFC 3696, 2), but the resolver
 * takes 127.1 and 0x7f.1 for addresses, and 010 for 8. */
static bool ends_in_a_number(const char *name, size_t len)
{
	size_t start = len;

	while (start > 0 && name[start - 1] != '.')
		start--;
	if (len - start > 2 && name[start] == '0' &&
	    (name[start + 1] == 'x' || name[start + 1] == 'X'))
		return strspn(name + start + 2, "0123456789abcdefABCDEF") >=
		       len - start - 2;
	return start < len &&
	       strspn(name + start, "0123456789") >= len - start;
}

static bool is_v4(const char *name, size_t len)
{
	char address[INET_ADDRSTRLEN] = "";
	struct in_addr in;

	if (len >= sizeof address)
		return false;
	memcpy(address, name, len);
	return inet_pton(AF_INET, address, &in) == 1;
}

/* A host name or an IPv4 address. */
static int set_name(struct meari_endpoint *endpoint, const char *name,
		    size_t len, struct meari_fail *fail)
{
	char shown[8];
	size_t good = strspn(name, name_bytes);

	if (good >= len && ends_in_a_number(name, len) && !is_v4(name, len))
		return fail_setf(fail, -EINVAL, step, NULL,
				 "not an IPv4 address; write four decimal "
				 "numbers, as in 192.0.2.1");
	if (good >= len)
		return set_host(endpoint, name, len, fail);
	if (name[good] == '/')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "'/' cannot be part of a host or port; "
				 "write unix:PATH for a Unix socket");
	return fail_setf(fail, -EINVAL, step, NULL,
			 "'%s' cannot be part of a host name; letters, "
			 "digits, '-', '.' and '_' can",
			 escape_bytes(shown, sizeof shown, name + good, 1));
}

/* Stricter than the kernel, which would let an interface's name have bytes
 * beyond ASCII or a bracket; such a one can be written as its number. */
static bool is_scope(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("/[]", *text))
			return false;
	return true;
}

static bool is_v6(const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN] = "";
	struct in6_addr in6;

	/* What does not fit stays empty, which is no address either. */
	if (len < sizeof address)
		memcpy(address, text, len);
	return inet_pton(AF_INET6, address, &in6) == 1;
}

/* An IPv6 address, with or without a scope (RFC 4007, 11). */
static int set_v6(struct meari_endpoint *endpoint, const char *text, size_t len,
		  struct meari_fail *fail)
{
	const char *host = endpoint->host;
	char shown[SHOWN];
	size_t n;
	int r;

	r = set_host(endpoint, text, len, fail);
	if (r < 0)
		return r;
	n = strcspn(host, "%");
	if (!is_v6(host, n))
		return fail_setf(fail, -EINVAL, step, NULL,
				 "'%s' is not an IPv6 address",
				 escape_bytes(shown, sizeof shown, host, n));
	if (host[n] == '%' && !is_scope(host + n + 1))
		return fail_setf(fail, -EINVAL, step, NULL,
				 "'%s' behind '%%' is not an interface",
				 escape_bytes(shown, sizeof shown, host + n + 1,
					      strlen(host + n + 1)));
	return 0;
}

/* Moves *@text, which starts with '[', behind the ']'. */
static int take_brackets(const char **text, struct meari_endpoint *endpoint,
			 struct meari_fail *fail)
{
	const char *address = *text + 1;
	const char *end = strchr(address, ']');

	if (!end)
		return fail_setf(fail, -EINVAL, step, NULL,
				 "'[' without ']'; write [ADDRESS]:PORT");
	*text = end + 1;
	return set_v6(endpoint, address, (size_t)(end - address), fail);
}

static int parse_bracketed(const char *text, struct meari_endpoint *endpoint,
			   struct meari_fail *fail)
{
	char shown[SHOWN];
	int r = take_brackets(&text, endpoint, fail);

	if (r < 0)
		return r;
	if (*text == '\0')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "no port; write [%.*s]:PORT", INET6_ADDRSTRLEN,
				 endpoint->host);
	if (*text != ':')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "'%s' behind ']', where :PORT must be",
				 escape_bytes(shown, sizeof shown, text,
					      strlen(text)));
	return parse_colon_port(text + 1, &endpoint->port, fail);
}

/* One word is a port; one that cannot have been meant as a port is a host
 * that lacks it. A dot tells 127.0.0.1 and 3com.com from a mistyped number. */
static int parse_word(const char *text, struct meari_endpoint *endpoint,
		      struct meari_fail *fail)
{
	int r;

	if (strchr(DIGITS "+-", *text) && !strchr(text, '.'))
		return parse_port(text, &endpoint->port, fail);
	r = set_name(endpoint, text, strlen(text), fail);
	if (r < 0)
		return r;
	return fail_setf(fail, -EINVAL, step, NULL,
			 "no port; write %.100s:PORT", text);
}

static int parse_inet(const char *text, struct meari_endpoint *endpoint,
		      struct meari_fail *fail)
{
	const char *colon = strchr(text, ':');
	int r;

	if (*text == '[')
		return parse_bracketed(text, endpoint, fail);
	if (!colon)
		return parse_word(text, endpoint, fail);
	if (strchr(colon + 1, ':'))
		return fail_setf(fail, -EINVAL, step, NULL,
				 "more than one colon; write IPv6 addresses "
				 "in brackets: [::1]:PORT");
	r = set_name(endpoint, text, (size_t)(colon - text), fail);
	if (r < 0)
		return r;
	return parse_colon_port(colon + 1, &endpoint->port, fail);
}

static int parse_unix(const char *path, struct meari_endpoint *endpoint,
		      struct meari_fail *fail)
{
	size_t len = strlen(path);

	if (endpoint->scheme == MEARI_SCHEME_UDP)
		return fail_setf(fail, -EINVAL, step, NULL,
				 "Unix sockets carry a stream here, not "
				 "datagrams; leave out udp://");
	if (len == 0)
		return fail_setf(fail, -EINVAL, step, NULL,
				 "no path behind unix:");
	if (strcmp(path, "@") == 0)
		return fail_setf(fail, -EINVAL, step, NULL,
				 "no name behind unix:@");
	if (len >= sizeof endpoint->path)
		return fail_setf(fail, -ENAMETOOLONG, step, NULL,
				 "the path has %zu bytes, %zu are the most",
				 len, sizeof endpoint->path - 1);
	endpoint->is_unix = true;
	memcpy(endpoint->path, path, len);
	return 0;
}

static int parse(const char *text, struct meari_endpoint *endpoint,
		 struct meari_fail *fail)
{
	int r;

	if (*text == '\0')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "is empty; write HOST:PORT, PORT or "
				 "unix:PATH");
	if (is_unix(text)) /* first: unix://x is a path, not a scheme */
		return parse_unix(text + strlen(unix_prefix), endpoint, fail);
	r = take_scheme(&text, &endpoint->scheme, fail);
	if (r < 0)
		return r;
	if (is_unix(text))
		return parse_unix(text + strlen(unix_prefix), endpoint, fail);
	if (*text == '\0')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "nothing behind the scheme; write "
				 "%s://HOST:PORT",
				 scheme_names[endpoint->scheme]);
	return parse_inet(text, endpoint, fail);
}

static int parse_lone_host(const char *host, struct meari_endpoint *endpoint,
			   struct meari_fail *fail)
{
	int r;

	if (*host == '\0')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "the host is empty");
	/* As text, HOST:PORT, it would be the path of a Unix socket. */
	if (strcasecmp(host, "unix") == 0)
		return fail_setf(fail, -EINVAL, step, NULL,
				 "stands for Unix sockets, unix:PATH; write "
				 "the host's full name");
	if (*host != '[') {
		if (strchr(host, ':'))
			return set_v6(endpoint, host, strlen(host), fail);
		return set_name(endpoint, host, strlen(host), fail);
	}
	r = take_brackets(&host, endpoint, fail);
	if (r == 0 && *host != '\0')
		return fail_setf(fail, -EINVAL, step, NULL,
				 "the host goes on behind ']'");
	return r;
}

int meari_endpoint_parse(const char *text, struct meari_endpoint *ret_endpoint,
			 struct meari_fail *fail)
{
	struct meari_endpoint endpoint = { .scheme = MEARI_SCHEME_NONE };
	int r = parse(text, &endpoint, fail);

	if (r < 0)
		return refuse(fail, r, text);
	*ret_endpoint = endpoint;
	return 0;
}

int meari_endpoint_parse_pair(const char *host, const char *port,
			      struct meari_endpoint *ret_endpoint,
			      struct meari_fail *fail)
{
	struct meari_endpoint endpoint = { .scheme = MEARI_SCHEME_NONE };
	int r;

	r = parse_lone_host(host, &endpoint, fail);
	if (r < 0)
		return refuse(fail, r, host);
	r = parse_port(port, &endpoint.port, fail);
	if (r < 0)
		return refuse(fail, r, port);
	*ret_endpoint = endpoint;
	return 0;
}

char *meari_endpoint_format(const struct meari_endpoint *endpoint, char *buf,
			    size_t len)
{
	const char *scheme = scheme_names[endpoint->scheme];
	const char *colon = *scheme ? "://" : "";
	bool v6 = strchr(endpoint->host, ':');

	if (endpoint->is_unix)
		(void)snprintf(buf, len, "%s%s%s%s", scheme, colon,
			       unix_prefix, endpoint->path);
	else
		(void)snprintf(buf, len, "%s%s%s%s%s:%u", scheme, colon,
			       v6 ? "[" : "", endpoint->host, v6 ? "]" : "",
			       endpoint->port);
	return buf;
}

int meari_endpoint_socktype(const struct meari_endpoint *endpoint)
{
	return endpoint->scheme == MEARI_SCHEME_UDP ? SOCK_DGRAM : SOCK_STREAM;
}
