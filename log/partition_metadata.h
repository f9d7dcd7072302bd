// SPDX-License-Identifier: Apache-2.0
// partition.metadata: which topic a replica directory belongs to (KIP-516). "version: 0\ntopic_id: " and 22 characters
// of URL-safe base64, without an end of line. Pure functions on a path.
#ifndef LOG_PARTITION_METADATA_H
#define LOG_PARTITION_METADATA_H

#include "base/uuid.h"

#define PARTITION_METADATA_FILE "partition.metadata"

// UUID_ZERO when the file is not there. Returns 0, -errno or -EBADMSG when it does not parse.
int partition_metadata_read(const char *path, struct uuid *topic_id) __attribute__((warn_unused_result));

// Replaces the file; the directory is the caller's to sync. Returns 0 or -errno.
int partition_metadata_write(const char *path, struct uuid topic_id) __attribute__((warn_unused_result));

#endif
