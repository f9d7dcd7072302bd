// SPDX-License-Identifier: Apache-2.0
#include "log/log_config.h"

struct log_config log_config_default(void)
{
    return (struct log_config){
        .segment_size_max = 1073741824,
        .segment_ms = 604800000,
        .index_size_max = 10485760,
        .index_interval = 4096,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .retention_size = -1,
        .retention_ms = 604800000,
        .file_delete_delay_ms = 60000,
        .cleanup_delete = true,
        .message_size_max = 1048588,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = INT64_MAX,
        .compression_level = COMPRESSION_LEVEL_DEFAULT,
    };
}
