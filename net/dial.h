// SPDX-License-Identifier: Apache-2.0
// From a host's name to a connected socket. Thread-safe.
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdint.h>

struct peer_config;

// Tries the host's addresses one after the other. Returns the socket (non-blocking, close-on-exec), or -errno of the
// last address: -EHOSTUNREACH for a name that does not resolve, -ETIMEDOUT at the deadline.
int dial(const struct peer_config *config, int64_t deadline_ms);

#endif
