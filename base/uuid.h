// SPDX-License-Identifier: Apache-2.0
// Kafka's UUIDs: 16 bytes on the wire and on disk, 22 characters of URL-safe base64 in texts. Plain values.
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

enum { UUID_STRING_SIZE = 23 }; // with the end of the string

struct uuid {
    uint8_t bytes[16];
};

// All bytes zero: none.
#define UUID_ZERO ((struct uuid){{0}})

bool uuid_is_zero(struct uuid uuid);
bool uuid_equal(struct uuid a, struct uuid b);

// A random one (version 4) whose text does not begin with '-', as Kafka's topic and cluster ids.
struct uuid uuid_random(void);

// 22 characters and a zero.
void uuid_to_string(struct uuid uuid, char string[UUID_STRING_SIZE]);

// Returns false, and leaves *uuid, when these are not 22 characters of URL-safe base64 of 16 bytes.
bool uuid_of_string(struct view string, struct uuid *uuid) __attribute__((warn_unused_result));

#endif
