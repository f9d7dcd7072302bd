// SPDX-License-Identifier: Apache-2.0
#include "zk/connect_string.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 1000 };

// Appends one "host[:port]" without its blanks. Returns false when it is none.
static bool append_host(char *hosts, size_t size, const char *from, const char *end)
{
    while (from < end && isspace((unsigned char)*from))
        from++;
    while (end > from && isspace((unsigned char)end[-1]))
        end--;

    const char *bracket = memchr(from, ']', (size_t)(end - from));
    const char *colon = memchr(bracket ? bracket : from, ':', (size_t)(end - (bracket ? bracket : from)));
    long port = 2181;
    char *after = NULL;

    if (colon) {
        port = strtol(colon + 1, &after, 10);
        if (after != end || !isdigit((unsigned char)colon[1]) || port < 1 || port > 65535)
            return false;
    }
    if (!colon)
        colon = end;
    if (colon == from || (*from == '[') != (bracket != NULL) || (bracket && bracket + 1 != colon))
        return false;
    size_t used = strlen(hosts);

    snprintf(hosts + used, size - used, "%s%.*s:%ld", used ? "," : "", (int)(colon - from), from, port);
    return true;
}

int connect_string_parse(const char *text, struct connect_string *parsed)
{
    const char *slash = strchr(text, '/');
    const char *end = slash ? slash : text + strlen(text);
    size_t count = 1, chroot_size = slash ? strlen(slash) : 0;

    while (chroot_size > 0 && (slash[chroot_size - 1] == '/' || isspace((unsigned char)slash[chroot_size - 1])))
        chroot_size--;
    if (chroot_size > 0 && memmem(slash, chroot_size, "//", 2))
        return -EINVAL;
    for (const char *c = text; c < end; c++)
        count += *c == ',';

    size_t size = strlen(text) + count * sizeof ":2181" + 1;
    char *hosts = memory_alloc(size);

    for (const char *from = text; from <= end;) {
        const char *comma = memchr(from, ',', (size_t)(end - from));
        const char *to = comma ? comma : end;

        if (!append_host(hosts, size, from, to)) {
            free(hosts);
            return -EINVAL;
        }
        from = to + 1;
    }
    parsed->hosts = hosts;
    parsed->chroot = memory_format("%.*s", (int)chroot_size, chroot_size ? slash : "");
    return 0;
}

void connect_string_fini(struct connect_string *parsed)
{
    free(parsed->hosts);
    free(parsed->chroot);
    parsed->hosts = parsed->chroot = NULL;
}

// 0 when somebody accepts the connection, or an errno.
static int probe_address(const struct addrinfo *address)
{
    int error = 0;
    socklen_t size = sizeof error;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0)
        error = errno;
    if (error == EINPROGRESS) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

        if (poll(&poll_fd, 1, PROBE_TIMEOUT_MS) <= 0)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
            error = errno;
    }
    close(fd);
    return error;
}

static const char *probe_host(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    int error = getaddrinfo(host, port, &hints, &addresses);
    int refused = 0;

    if (error)
        return gai_strerror(error);
    for (const struct addrinfo *address = addresses; address; address = address->ai_next) {
        refused = probe_address(address);
        if (refused == 0)
            break;
    }
    freeaddrinfo(addresses);
    return refused ? strerrordesc_np(refused) : "accepts connections, but opens no session";
}

void connect_string_diagnose(const struct connect_string *parsed, char *text, size_t size)
{
    char *hosts = memory_copy_string(parsed->hosts), *rest = hosts;
    size_t used = 0;

    text[0] = '\0';
    for (char *host; (host = strsep(&rest, ",")) && used < size;) {
        char *colon = strrchr(host, ':'), *name = host;

        *colon = '\0';
        if (*name == '[') {
            name++;
            colon[-1] = '\0';
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s:%s (%s)", used ? ", " : "", name, colon + 1,
                                 probe_host(name, colon + 1));
    }
    free(hosts);
}
