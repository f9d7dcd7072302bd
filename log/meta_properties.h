// SPDX-License-Identifier: Apache-2.0
// meta.properties: whose log directory this is (version=0, broker.id=N, cluster.id=S). Pure functions on a path.
#ifndef LOG_META_PROPERTIES_H
#define LOG_META_PROPERTIES_H

#include "log/log_manager.h"

// identity->is_known is false when there is no file. Returns 0 or -errno; -EBADMSG when it does not parse, -ENOTSUP for
// another version than 0 (KRaft).
int meta_properties_read(const char *path, struct log_identity *identity) __attribute__((warn_unused_result));

// Replaces the file. Returns 0 or -errno.
int meta_properties_write(const char *path, const struct log_identity *identity) __attribute__((warn_unused_result));

#endif
