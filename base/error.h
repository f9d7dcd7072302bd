// SPDX-License-Identifier: Apache-2.0
// Kafka's error codes: what log, zk and server return, since it is what a client reads. base and net return 0 or
// -errno instead.
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdint.h>

enum kafka_error {
#define ROW(name, code, exception) KAFKA_##name = code,
#include "base/errors.def"
#undef ROW
};

// The name as in Kafka's documentation ("NOT_LEADER_OR_FOLLOWER"), or "UNKNOWN" for a code that is not in the table.
const char *kafka_error_name(int16_t code);

// The exception that Kafka's Java clients raise for it ("NotLeaderOrFollowerException"), which Kafka's tools print.
const char *kafka_error_exception(int16_t code);

#endif
