// SPDX-License-Identifier: Apache-2.0
// The records of Kafka's internal topics as text, by the class names of Kafka's formatters: offsets and groups from
// __consumer_offsets, transactions from __transaction_state. Stateless.
#ifndef TOOLS_INTERNAL_RECORDS_H
#define TOOLS_INTERNAL_RECORDS_H

#include "base/view.h"
#include "tools/deserializer.h"

#include <stdbool.h>

struct internal_records;

// By the full class name, NULL when there is none of that name. An old name is warned about.
const struct internal_records *internal_records_find(const char *class_name);

// Appends the record as text; nothing for a record of another kind. Returns false with a message in error, to be freed,
// for bytes that are no such record.
bool internal_records_append(const struct internal_records *records, struct view key, struct view value,
                             struct deserializer_text *text, char **error) __attribute__((warn_unused_result));

#endif
