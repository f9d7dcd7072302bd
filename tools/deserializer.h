// SPDX-License-Identifier: Apache-2.0
// Kafka's Java deserializers, by their class names: what the bytes of a key, value or header look like as text.
// Stateless.
#ifndef TOOLS_DESERIALIZER_H
#define TOOLS_DESERIALIZER_H

#include "base/array.h"
#include "base/view.h"

#include <stdbool.h>

struct deserializer;

// Where text is gathered.
struct deserializer_text {
    ARRAY_OF(char);
};

// By the full class name, NULL when there is none of that name.
const struct deserializer *deserializer_find(const char *class_name);

// Appends the bytes as text. Returns false with a message in error, to be freed, for bytes that do not fit the type.
bool deserializer_append(const struct deserializer *deserializer, struct view bytes, struct deserializer_text *text,
                         char **error) __attribute__((warn_unused_result));

#endif
