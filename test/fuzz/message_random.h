// SPDX-License-Identifier: Apache-2.0
// Random messages of any API and version, for tests of the codec.
#ifndef TEST_FUZZ_MESSAGE_RANDOM_H
#define TEST_FUZZ_MESSAGE_RANDOM_H

#include "net/protocol/message.h"

#include <stdint.h>

// A number that follows from the state, which it moves on.
uint64_t random_next(uint64_t *state);

// Fills the fields that this version has with values that it can carry; the others get their defaults. What the message
// refers to lives in the arena, which is taken to be large enough. The same state gives the same message.
void message_random(const struct message_schema *schema, int16_t version, uint64_t *state, struct arena *arena,
                    void *message);

#endif
