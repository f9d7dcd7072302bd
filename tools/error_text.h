// SPDX-License-Identifier: Apache-2.0
// What Kafka's Java clients say of an error code when the broker sent no text with it. Stateless.
#ifndef TOOLS_ERROR_TEXT_H
#define TOOLS_ERROR_TEXT_H

#include <stdint.h>

// NULL for a code that is not in the table.
const char *error_text(int16_t code);

#endif
