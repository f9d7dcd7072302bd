// SPDX-License-Identifier: Apache-2.0
// Which partition of an internal topic a name belongs to: Java's hash of the string, without its sign, modulo the
// number of partitions.
#ifndef SERVER_GROUP_GROUP_HASH_H
#define SERVER_GROUP_GROUP_HASH_H

#include "base/view.h"

#include <stdint.h>

// partition_count is at least 1. The name is UTF-8; bytes that are none count as U+FFFD, as Java decodes them.
int32_t group_hash_partition(struct view name, int32_t partition_count);

#endif
