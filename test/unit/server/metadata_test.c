// SPDX-License-Identifier: Apache-2.0
// ApiVersions, Metadata and DescribeCluster in all their versions, over a connection.
#include "base/error.h"
#include "server/api/authorized_operations.h"
#include "test/unit/server/mini_broker.h"
#include "test/unit/suite.h"

static struct mini_broker mini;

static void start(void)
{
    mini_broker_start(&mini, "auto.create.topics.enable=false");
    mini_broker_create_topic(&mini, "foo", 2, "");
    mini_broker_create_topic(&mini, "bar", 1, "");
}

static const struct metadata_response_topic *find(const struct metadata_response *response, const char *name)
{
    for (int32_t i = 0; i < response->topics.count; i++) {
        if (view_equal_string(response->topics.items[i].name, name))
            return &response->topics.items[i];
    }
    return NULL;
}

static void metadata_of_names(void)
{
    start();
    struct metadata_request_topic topics[4];
    static const char *const names[] = {"foo", "nosuch", "a/b", "foo"};
    for (int i = 0; i < 4; i++) {
        topics[i] = metadata_request_topic_default;
        topics[i].name = view_of_string(names[i]);
    }
    for (int16_t version = 0; version <= 12; version++) {
        struct metadata_request request = metadata_request_default;
        struct metadata_response response;
        request.topics.items = topics;
        request.topics.count = 4;
        request.include_topic_authorized_operations = version >= 8;
        request.include_cluster_authorized_operations = version >= 8 && version <= 10;
        mini_broker_call(&mini, API_METADATA, version, &request, &response);
        CU_ASSERT_EQUAL(response.topics.count, 3); // each once
        const struct metadata_response_topic *foo = find(&response, "foo");
        CU_ASSERT_PTR_NOT_NULL_FATAL(foo);
        CU_ASSERT_EQUAL(foo->error_code, KAFKA_NONE);
        CU_ASSERT_EQUAL_FATAL(foo->partitions.count, 2);
        CU_ASSERT_EQUAL(foo->partitions.items[1].leader_id, MINI_BROKER_ID);
        CU_ASSERT_EQUAL(foo->partitions.items[1].leader_epoch, version >= 7 ? MINI_LEADER_EPOCH : -1);
        CU_ASSERT_EQUAL(uuid_equal(foo->topic_id, mini_broker_topic_id("foo")), version >= 10);
        CU_ASSERT_EQUAL(foo->topic_authorized_operations, version >= 8 ? OPERATIONS_OF_TOPIC : INT32_MIN);
        CU_ASSERT_EQUAL(find(&response, "nosuch")->error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        CU_ASSERT_EQUAL(find(&response, "a/b")->error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
        CU_ASSERT_EQUAL(response.cluster_authorized_operations,
                        version >= 8 && version <= 10 ? OPERATIONS_OF_CLUSTER : INT32_MIN);
        CU_ASSERT_TRUE(response.brokers.count > 0);
        CU_ASSERT_EQUAL(response.brokers.items[0].node_id, MINI_BROKER_ID);
    }
    mini_broker_stop(&mini);
}

static void metadata_of_all_and_of_none(void)
{
    start();
    for (int16_t version = 0; version <= 12; version++) {
        struct metadata_request request = metadata_request_default;
        struct metadata_response response;
        mini_broker_call(&mini, API_METADATA, version, &request, &response);
        CU_ASSERT_EQUAL(response.topics.count, version == 0 ? 2 : 0);
        request.topics.count = version == 0 ? 0 : -1;
        mini_broker_call(&mini, API_METADATA, version, &request, &response);
        CU_ASSERT_EQUAL(response.topics.count, 2);
    }
    mini_broker_stop(&mini);
}

static void metadata_by_id(void)
{
    start();
    struct metadata_request_topic topics[2] = {metadata_request_topic_default, metadata_request_topic_default};
    struct metadata_request request = metadata_request_default;
    struct metadata_response response;
    topics[0].topic_id = mini_broker_topic_id("bar");
    topics[0].name = VIEW_NULL;
    topics[1].topic_id = mini_broker_topic_id("nosuch");
    topics[1].name = VIEW_NULL;
    request.topics.items = topics;
    request.topics.count = 2;
    mini_broker_call(&mini, API_METADATA, 12, &request, &response);
    CU_ASSERT_EQUAL_FATAL(response.topics.count, 2);
    CU_ASSERT_TRUE(view_equal_string(response.topics.items[0].name, "bar"));
    CU_ASSERT_EQUAL(response.topics.items[1].error_code, KAFKA_UNKNOWN_TOPIC_ID);
    CU_ASSERT_TRUE(view_is_null(response.topics.items[1].name));
    // Before version 12 ids are not to be used.
    for (int16_t version = 10; version <= 11; version++) {
        mini_broker_call(&mini, API_METADATA, version, &request, &response);
        CU_ASSERT_EQUAL_FATAL(response.topics.count, 2);
        CU_ASSERT_EQUAL(response.topics.items[0].error_code, KAFKA_INVALID_REQUEST);
    }
    mini_broker_stop(&mini);
}

static void api_versions(void)
{
    start();
    for (int16_t version = 0; version <= 4; version++) {
        struct api_versions_request request = api_versions_request_default;
        struct api_versions_response response;
        request.client_software_name = view_of_string(version >= 3 ? "apache-kafka.java" : "");
        request.client_software_version = view_of_string(version >= 3 ? "3.9.1" : "");
        mini_broker_call(&mini, API_API_VERSIONS, version, &request, &response);
        CU_ASSERT_EQUAL(response.error_code, KAFKA_NONE);
        // Exactly what the schemas say is served, in rising order.
        int32_t served = 0;
        for (int i = 0; i < api_table_count; i++) {
            if (api_table[i].served_min > api_table[i].served_max)
                continue;
            CU_ASSERT_FATAL(served < response.api_keys.count);
            CU_ASSERT_EQUAL(response.api_keys.items[served].api_key, api_table[i].key);
            CU_ASSERT_EQUAL(response.api_keys.items[served].min_version, api_table[i].served_min);
            CU_ASSERT_EQUAL(response.api_keys.items[served].max_version, api_table[i].served_max);
            served++;
        }
        CU_ASSERT_EQUAL(response.api_keys.count, served);
        CU_ASSERT_EQUAL(response.finalized_features_epoch, version >= 3 ? 0 : -1);
        if (version < 3)
            continue;
        request.client_software_name = view_of_string("-bad-");
        mini_broker_call(&mini, API_API_VERSIONS, version, &request, &response);
        CU_ASSERT_EQUAL(response.error_code, KAFKA_INVALID_REQUEST);
        CU_ASSERT_EQUAL(response.api_keys.count, 0);
    }
    mini_broker_stop(&mini);
}

static void describe_cluster(void)
{
    start();
    for (int16_t version = 0; version <= 1; version++) {
        struct describe_cluster_request request = describe_cluster_request_default;
        struct describe_cluster_response response;
        request.include_cluster_authorized_operations = true;
        mini_broker_call(&mini, API_DESCRIBE_CLUSTER, version, &request, &response);
        CU_ASSERT_EQUAL(response.error_code, KAFKA_NONE);
        CU_ASSERT_EQUAL(response.cluster_authorized_operations, OPERATIONS_OF_CLUSTER);
        CU_ASSERT_TRUE(response.brokers.count > 0);
        CU_ASSERT_EQUAL(response.brokers.items[0].broker_id, MINI_BROKER_ID);
        if (version == 0)
            continue;
        request.endpoint_type = 2;
        mini_broker_call(&mini, API_DESCRIBE_CLUSTER, version, &request, &response);
        CU_ASSERT_EQUAL(response.error_code, KAFKA_MISMATCHED_ENDPOINT_TYPE);
        request.endpoint_type = 9;
        mini_broker_call(&mini, API_DESCRIBE_CLUSTER, version, &request, &response);
        CU_ASSERT_EQUAL(response.error_code, KAFKA_UNSUPPORTED_ENDPOINT_TYPE);
    }
    mini_broker_stop(&mini);
}

SUITE_MAIN("server/metadata", {"Metadata of names", metadata_of_names},
           {"Metadata of all and of none", metadata_of_all_and_of_none}, {"Metadata by id", metadata_by_id},
           {"ApiVersions", api_versions}, {"DescribeCluster", describe_cluster})
