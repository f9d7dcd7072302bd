// SPDX-License-Identifier: Apache-2.0
// The list of servers that every client program begins with: HOST:PORT,HOST:PORT…
#ifndef TOOLS_BOOTSTRAP_H
#define TOOLS_BOOTSTRAP_H

#include "base/array.h"

#include <stdbool.h>
#include <stdint.h>

struct bootstrap_server {
    char *host; // without brackets
    uint16_t port;
    char address[64]; // the first address that it resolves to, in numbers
};

struct bootstrap {
    ARRAY_OF(struct bootstrap_server);
};

// Splits and resolves the list; what does not resolve is warned about and left out. Returns false with a message in
// error ("Invalid url in bootstrap.servers: …") when an entry has no port or none resolves; error is freed by the
// caller.
bool bootstrap_parse(struct bootstrap *bootstrap, const char *list, char **error) __attribute__((warn_unused_result));
void bootstrap_fini(struct bootstrap *bootstrap);

// Does every entry look like HOST:PORT? Looks nothing up.
bool bootstrap_is_valid(const char *list);

#endif
