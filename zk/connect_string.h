// SPDX-License-Identifier: Apache-2.0
// zookeeper.connect in parts: "host[:port],host[:port]…[/chroot]". Ports default to 2181, IPv6 addresses are in
// brackets.
#ifndef ZK_CONNECT_STRING_H
#define ZK_CONNECT_STRING_H

#include <stddef.h>

struct connect_string {
    char *hosts;  // "host:port,host:port", blanks removed, ports filled in
    char *chroot; // "/kafka/c1" or ""
};

// 0, or -EINVAL for what is no connect string. Both strings are the caller's (connect_string_fini).
int connect_string_parse(const char *text, struct connect_string *parsed) __attribute__((warn_unused_result));
void connect_string_fini(struct connect_string *parsed);

// Tries each host and prints what keeps it from answering, "localhost:2181 (Connection refused)", comma separated.
// Waits a second at most per address.
void connect_string_diagnose(const struct connect_string *parsed, char *text, size_t size);

#endif
