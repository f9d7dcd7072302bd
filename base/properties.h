// SPDX-License-Identifier: Apache-2.0
// Java's properties files (server.properties, meta.properties, the tools' configuration files), in full: comments with
// # and !, the separators =, : and space, lines continued by a backslash, the escapes \t \n \r \f \uXXXX and \ before
// anything else. Bytes are ISO-8859-1, as Java reads such files; keys and values are kept in UTF-8. The owner holds
// the lock that guards a table.
#ifndef BASE_PROPERTIES_H
#define BASE_PROPERTIES_H

#include "base/array.h"
#include "base/view.h"

#include <stdbool.h>

struct property {
    char *key;
    char *value;
};

// In the order in which keys appeared first; a key appears once. Zeroed is empty.
struct properties {
    ARRAY_OF(struct property);
};

// Adds what the text says; a later value of a key replaces an earlier one. Returns 0, or -EINVAL for a \u without
// four hexadecimal digits; what stood before it was added.
int properties_parse(struct properties *properties, struct view text) __attribute__((warn_unused_result));

// The same for a file of at most 16 MB. Returns 0 or -errno.
int properties_load(struct properties *properties, const char *path) __attribute__((warn_unused_result));

// The value, or NULL. It lives until the key is set again.
const char *properties_get(const struct properties *properties, const char *key);

// Copies both.
void properties_set(struct properties *properties, const char *key, const char *value);

// Returns whether the key was there.
bool properties_remove(struct properties *properties, const char *key);

void properties_fini(struct properties *properties);

// A value as a file has it, with escapes for what would not be read as it is (free() it). The text is UTF-8.
char *properties_escape(const char *value) __attribute__((warn_unused_result));

#endif
