// SPDX-License-Identifier: Apache-2.0
// Formats of what brokers and controllers say about themselves.
#include "zk/formats.h"
#include "zk/json.h"

#include <stdio.h>
#include <string.h>

enum { REGISTRATION_VERSION = 5, CONTROLLER_VERSION = 2, FEATURES_VERSION = 2, FEATURES_ENABLED = 1 };

static bool is_security_protocol(const char *name)
{
    return !strcmp(name, "PLAINTEXT") || !strcmp(name, "SSL") || !strcmp(name, "SASL_PLAINTEXT") ||
           !strcmp(name, "SASL_SSL");
}

static json_t *endpoint_text(const struct zk_endpoint *endpoint)
{
    bool brackets = strchr(endpoint->host, ':') != NULL;

    return json_sprintf("%s://%s%s%s:%d", endpoint->listener, brackets ? "[" : "", endpoint->host, brackets ? "]" : "",
                        endpoint->port);
}

struct view zk_write_broker(struct arena *arena, const struct zk_broker *broker)
{
    struct json_writer writer = {false};
    json_t *root = json_object(), *features = json_object(), *protocols = json_object(), *endpoints = json_array();
    const struct zk_endpoint *plain = NULL;

    for (size_t i = 0; i < broker->feature_count; i++) {
        json_t *range = json_object();

        json_put(&writer, range, "min_version", json_integer(broker->features[i].version_min));
        json_put(&writer, range, "max_version", json_integer(broker->features[i].version_max));
        json_put(&writer, features, broker->features[i].name, range);
    }
    for (size_t i = 0; i < broker->endpoint_count; i++) {
        const struct zk_endpoint *endpoint = &broker->endpoints[i];

        json_put(&writer, protocols, endpoint->listener, json_string(endpoint->security_protocol));
        json_add(&writer, endpoints, endpoint_text(endpoint));
        if (!plain && !strcmp(endpoint->security_protocol, "PLAINTEXT"))
            plain = endpoint;
    }
    json_put(&writer, root, "features", features);
    json_put(&writer, root, "listener_security_protocol_map", protocols);
    json_put(&writer, root, "endpoints", endpoints);
    if (broker->rack)
        json_put(&writer, root, "rack", json_string(broker->rack));
    json_put(&writer, root, "jmx_port", json_integer(broker->jmx_port));
    json_put(&writer, root, "port", json_integer(plain ? plain->port : -1));
    json_put(&writer, root, "host", plain ? json_string(plain->host) : json_null());
    json_put(&writer, root, "version", json_integer(REGISTRATION_VERSION));
    json_put(&writer, root, "timestamp", json_sprintf("%lld", (long long)broker->timestamp_ms));
    return json_print(&writer, arena, root);
}

// "NAME://host:port" in the arena's copy, cut up in place.
static void read_endpoint(struct json_reader *reader, const json_t *text, const json_t *protocols,
                          struct zk_endpoint *endpoint)
{
    size_t size = json_string_length(text) + 1;
    char *copy = json_alloc(reader, size, 1);

    if (!copy || !json_is_string(text)) {
        json_fail(reader);
        return;
    }
    memcpy(copy, json_string_value(text), size);
    char *name_end = strstr(copy, "://"), *colon = strrchr(copy, ':');
    int64_t port;

    if (!name_end || name_end == copy || colon == name_end || !json_parse_decimal(colon + 1, 0, 65535, &port)) {
        json_fail(reader);
        return;
    }
    *name_end = *colon = '\0';
    char *host = name_end + 3;
    if (*host == '[' && colon[-1] == ']') {
        host++;
        colon[-1] = '\0';
    }
    endpoint->listener = copy;
    endpoint->host = host;
    endpoint->port = (int32_t)port;
    endpoint->security_protocol = protocols ? json_get_string(reader, protocols, copy) : copy;
    if (!endpoint->security_protocol || !is_security_protocol(endpoint->security_protocol))
        json_fail(reader);
}

static void read_endpoints(struct json_reader *reader, const json_t *root, struct zk_broker *broker)
{
    const json_t *protocols = json_get_object_or_null(reader, root, "listener_security_protocol_map");
    const json_t *endpoints = json_get_array(reader, root, "endpoints");

    broker->endpoint_count = json_array_size(endpoints);
    broker->endpoints = json_alloc(reader, broker->endpoint_count, sizeof *broker->endpoints);
    if (broker->endpoint_count == 0)
        json_fail(reader);
    for (size_t i = 0; i < broker->endpoint_count && !reader->result; i++)
        read_endpoint(reader, json_array_get(endpoints, i), protocols, &broker->endpoints[i]);
}

// Version 1 knew one address only.
static void read_single_address(struct json_reader *reader, const json_t *root, struct zk_broker *broker)
{
    broker->endpoint_count = 1;
    broker->endpoints = json_alloc(reader, 1, sizeof *broker->endpoints);
    if (!broker->endpoints)
        return;
    broker->endpoints[0] = (struct zk_endpoint){
        .listener = "PLAINTEXT",
        .security_protocol = "PLAINTEXT",
        .host = json_get_string(reader, root, "host"),
        .port = (int32_t)json_get_int(reader, root, "port", 0, 65535),
    };
}

// name → {"min_version":…, "max_version":…}; /feature says min_version_level and max_version_level instead.
static size_t read_feature_map(struct json_reader *reader, const json_t *map, const char *min_key, const char *max_key,
                               struct zk_feature **features)
{
    size_t count = 0;
    const char *name;
    const json_t *range;

    *features = json_alloc(reader, json_object_size(map), sizeof **features);
    for (void *at = json_object_iter((json_t *)(uintptr_t)map); at && *features && !reader->result;
         at = json_object_iter_next((json_t *)(uintptr_t)map, at)) {
        name = json_object_iter_key(at);
        range = json_object_iter_value(at);
        (*features)[count++] = (struct zk_feature){
            .name = json_copy_text(reader, name),
            .version_min = (int32_t)json_get_int_or(reader, range, min_key, 0, INT16_MAX, 0),
            .version_max = (int32_t)json_get_int(reader, range, max_key, 0, INT16_MAX),
        };
    }
    return count;
}

enum zk_result zk_read_broker(struct arena *arena, struct view json, struct zk_broker *broker)
{
    struct json_reader reader = {arena, ZK_OK};
    struct zk_broker read = {0};
    json_t *root = json_parse(&reader, json);

    if (!root)
        return reader.result;
    read.version = (int32_t)json_get_int(&reader, root, "version", 1, INT32_MAX);
    read.jmx_port = (int32_t)json_get_int(&reader, root, "jmx_port", INT32_MIN, INT32_MAX);
    read.rack = json_get_string_or_null(&reader, root, "rack");
    read.timestamp_ms = json_get_int_or(&reader, root, "timestamp", INT64_MIN, INT64_MAX, -1);
    if (read.version == 1)
        read_single_address(&reader, root, &read);
    else
        read_endpoints(&reader, root, &read);
    read.feature_count = read_feature_map(&reader, json_get_object_or_null(&reader, root, "features"), "min_version",
                                          "max_version", &read.features);
    json_decref(root);
    if (!reader.result)
        *broker = read;
    return reader.result;
}

const struct zk_endpoint *zk_broker_endpoint(const struct zk_broker *broker, const char *listener)
{
    for (size_t i = 0; i < broker->endpoint_count; i++)
        if (!strcmp(broker->endpoints[i].listener, listener))
            return &broker->endpoints[i];
    return NULL;
}

struct view zk_write_controller(struct arena *arena, int32_t broker_id, int64_t timestamp_ms)
{
    struct json_writer writer = {false};
    json_t *root = json_object();

    json_put(&writer, root, "version", json_integer(CONTROLLER_VERSION));
    json_put(&writer, root, "brokerid", json_integer(broker_id));
    json_put(&writer, root, "timestamp", json_sprintf("%lld", (long long)timestamp_ms));
    json_put(&writer, root, "kraftControllerEpoch", json_integer(-1));
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_controller(struct view json, int32_t *broker_id)
{
    struct json_reader reader = {NULL, ZK_OK};
    json_t *root = json_parse(&reader, json);
    int64_t id = json_get_int(&reader, root, "brokerid", 0, INT32_MAX);

    json_decref(root);
    if (!reader.result)
        *broker_id = (int32_t)id;
    return reader.result;
}

struct view zk_write_controller_epoch(struct arena *arena, int32_t epoch)
{
    return view_of_string(arena_format(arena, "%d", epoch));
}

enum zk_result zk_read_controller_epoch(struct view text, int32_t *epoch)
{
    char digits[16];
    int64_t number;

    if (text.size == 0 || text.size >= sizeof digits)
        return ZK_BAD_DATA;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    if (strlen(digits) != text.size || !json_parse_decimal(digits, 0, INT32_MAX, &number))
        return ZK_BAD_DATA;
    *epoch = (int32_t)number;
    return ZK_OK;
}

struct view zk_write_features(struct arena *arena, const struct zk_features *features)
{
    struct json_writer writer = {false};
    json_t *root = json_object(), *map = json_object();

    for (size_t i = 0; i < features->count; i++) {
        json_t *level = json_object();

        json_put(&writer, level, "max_version_level", json_integer(features->items[i].version_max));
        json_put(&writer, map, features->items[i].name, level);
    }
    json_put(&writer, root, "features", map);
    json_put(&writer, root, "version", json_integer(FEATURES_VERSION));
    json_put(&writer, root, "status", json_integer(features->enabled ? FEATURES_ENABLED : 0));
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_features(struct arena *arena, struct view json, struct zk_features *features)
{
    struct json_reader reader = {arena, ZK_OK};
    struct zk_features read = {0};
    json_t *root = json_parse(&reader, json);

    if (!root)
        return reader.result;
    (void)json_get_int(&reader, root, "version", 1, INT32_MAX);
    read.enabled = json_get_int(&reader, root, "status", 0, 1) == FEATURES_ENABLED;
    read.count = read_feature_map(&reader, json_get_object_or_null(&reader, root, "features"), "min_version_level",
                                  "max_version_level", &read.items);
    json_decref(root);
    if (!reader.result)
        *features = read;
    return reader.result;
}

// "version" is a string here, as nowhere else.
struct view zk_write_cluster_id(struct arena *arena, const char *id)
{
    struct json_writer writer = {false};
    json_t *root = json_object();

    json_put(&writer, root, "version", json_string("1"));
    json_put(&writer, root, "id", json_string(id));
    return json_print(&writer, arena, root);
}

enum zk_result zk_read_cluster_id(struct arena *arena, struct view json, const char **id)
{
    struct json_reader reader = {arena, ZK_OK};
    json_t *root = json_parse(&reader, json);
    const char *read = root ? json_get_string(&reader, root, "id") : NULL;

    json_decref(root);
    if (!reader.result)
        *id = read;
    return reader.result;
}
