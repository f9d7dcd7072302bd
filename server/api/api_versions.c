// SPDX-License-Identifier: Apache-2.0
// ApiVersions (KIP-35, KIP-511): which APIs are served in which versions, straight from the schemas.
#include "base/error.h"
#include "net/protocol/api.h"
#include "net/request.h"
#include "server/dispatch.h"
#include "server/handlers.h"

#include <ctype.h>

// [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
static bool is_software_name(struct view name)
{
    if (name.size == 0 || !isalnum(name.data[0]) || !isalnum(name.data[name.size - 1]))
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (!isalnum(name.data[i]) && name.data[i] != '-' && name.data[i] != '.')
            return false;
    }
    return true;
}

static bool list_apis(struct arena *arena, struct api_versions_response *response, int16_t only)
{
    response->api_keys.items = message_alloc_array(arena, &api_versions_response_api_key_schema, api_table_count);
    if (response->api_keys.items == NULL)
        return false;
    for (int i = 0; i < api_table_count; i++) {
        int16_t key = api_table[i].key, version_min, version_max;
        if ((only >= 0 && key != only) || !dispatch_versions(key, &version_min, &version_max))
            continue;
        struct api_versions_response_api_key *row = &response->api_keys.items[response->api_keys.count++];
        row->api_key = key;
        row->min_version = version_min;
        row->max_version = version_max;
    }
    return true;
}

// message is NULL for a version that is not known: the answer, in version 0, then names only ApiVersions itself.
void api_versions_serve(struct broker *broker, struct request *request, const void *message)
{
    (void)broker;
    const struct api_versions_request *wanted = message;
    struct api_versions_response response = api_versions_response_default;
    bool is_complete = true;
    if (wanted == NULL) {
        response.error_code = KAFKA_UNSUPPORTED_VERSION;
        is_complete = list_apis(&request->arena, &response, API_API_VERSIONS);
    } else if (request->api_version >= 3 && (!is_software_name(wanted->client_software_name) ||
                                             !is_software_name(wanted->client_software_version))) {
        response.error_code = KAFKA_INVALID_REQUEST;
    } else {
        // A cluster of ZooKeeper has no finalized features, and their epoch is that of the empty set.
        response.finalized_features_epoch = 0;
        is_complete = list_apis(&request->arena, &response, -1);
    }
    if (is_complete)
        dispatch_respond(request, &response);
    else
        dispatch_close(request);
}
