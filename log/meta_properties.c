// SPDX-License-Identifier: Apache-2.0
#include "log/meta_properties.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/properties.h"
#include "log/text_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int take_values(const struct properties *properties, struct log_identity *identity)
{
    const char *version = properties_get(properties, "version");
    const char *broker_id = properties_get(properties, "broker.id");
    const char *cluster_id = properties_get(properties, "cluster.id");
    int64_t number;
    struct log_identity read = {.is_known = true, .broker_id = -1};
    if (version == NULL || !text_number(view_of_string(version), 0, INT32_MAX, &number))
        return -EBADMSG;
    if (number != 0)
        return -ENOTSUP;
    if (broker_id != NULL) {
        if (!text_number(view_of_string(broker_id), 0, INT32_MAX, &number))
            return -EBADMSG;
        read.broker_id = (int32_t)number;
    }
    if (cluster_id != NULL) {
        if (strlen(cluster_id) >= sizeof read.cluster_id)
            return -EBADMSG;
        memcpy(read.cluster_id, cluster_id, strlen(cluster_id) + 1);
    }
    *identity = read;
    return 0;
}

int meta_properties_read(const char *path, struct log_identity *identity)
{
    struct properties properties = {NULL, 0, 0};
    *identity = (struct log_identity){.broker_id = -1};
    int result = properties_load(&properties, path);
    if (result == 0)
        result = take_values(&properties, identity);
    properties_fini(&properties);
    return result == -ENOENT ? 0 : result;
}

int meta_properties_write(const char *path, const struct log_identity *identity)
{
    char date[64];
    time_t seconds = (time_t)(clock_now_ms() / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%a %b %d %H:%M:%S UTC %Y", &utc);
    char *cluster_id = properties_escape(identity->cluster_id);
    char *text = memory_format("#\n#%s\nbroker.id=%" PRId32 "\nversion=0\ncluster.id=%s\n", date, identity->broker_id,
                               cluster_id);
    int result = file_replace(path, text, strlen(text));
    free(cluster_id);
    free(text);
    return result;
}
