// SPDX-License-Identifier: Apache-2.0
// Makes one batch of magic 2 out of records: for what the broker writes itself (offsets, groups, transactions, markers)
// and for batches whose codec changes. Confined to the thread that uses it.
#ifndef LOG_BATCH_BUILDER_H
#define LOG_BATCH_BUILDER_H

#include "base/view.h"
#include "log/batch.h"
#include "log/compression.h"

#include <stddef.h>
#include <stdint.h>

struct batch_builder;

// header: the fields that the batch shall have (base_offset, leader_epoch, attributes, producer_*, base_sequence;
// base_timestamp is that of the first record). The codec in its attributes is replaced by `codec`.
struct batch_builder *batch_builder_create(const struct batch_header *header, enum compression_codec codec,
                                           int32_t level);
void batch_builder_destroy(struct batch_builder *builder);

// Appends a record at the next offset. headers: encoded, as record_reader_next gives them, or empty.
void batch_builder_append(struct batch_builder *builder, int64_t timestamp, struct view key, struct view value,
                          struct view headers, int32_t header_count);

// Bytes appended so far, before compression, with the batch's header.
size_t batch_builder_size(const struct batch_builder *builder);
int32_t batch_builder_record_count(const struct batch_builder *builder);

// The finished batch, in memory that the caller frees; *size bytes. Must hold at least one record. NULL when memory is
// gone or the batch would be larger than its length field can say. The builder can only be destroyed afterwards.
uint8_t *batch_builder_finish(struct batch_builder *builder, size_t *size) __attribute__((warn_unused_result));

#endif
