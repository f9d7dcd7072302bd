// SPDX-License-Identifier: Apache-2.0
// How one log behaves: the topic's configuration as far as the log acts on it. A plain value. A log keeps a copy, which
// log_set_config replaces while it runs; an append or a check in progress ends with the old one.
#ifndef LOG_LOG_CONFIG_H
#define LOG_LOG_CONFIG_H

#include "log/compression.h"

#include <stdbool.h>
#include <stdint.h>

struct log_config {
    int64_t segment_size_max;           // segment.bytes
    int64_t segment_ms;                 // segment.ms
    int64_t segment_jitter_ms;          // segment.jitter.ms
    int32_t index_size_max;             // segment.index.bytes, for each of the two indexes
    int32_t index_interval;             // index.interval.bytes
    bool preallocate;                   // preallocate
    int64_t flush_messages;             // flush.messages: flush inside the append that reaches it
    int64_t flush_ms;                   // flush.ms: looked at by log_manager_flush_due
    int64_t retention_size;             // retention.bytes, -1: unlimited
    int64_t retention_ms;               // retention.ms, -1: unlimited
    int64_t file_delete_delay_ms;       // file.delete.delay.ms
    bool cleanup_delete;                // cleanup.policy has delete
    bool cleanup_compact;               // cleanup.policy has compact: retention leaves the log alone
    int32_t message_size_max;           // max.message.bytes
    bool log_append_time;               // message.timestamp.type is LogAppendTime
    int64_t timestamp_before_max_ms;    // message.timestamp.before.max.ms (or difference.max.ms in its place)
    int64_t timestamp_after_max_ms;     // message.timestamp.after.max.ms (or difference.max.ms in its place)
    bool compression_is_set;            // compression.type is other than "producer"
    enum compression_codec compression; // then this codec
    int32_t compression_level;          // of that codec, or COMPRESSION_LEVEL_DEFAULT
};

// Apache Kafka's defaults of the topic configuration.
struct log_config log_config_default(void);

#endif
