// SPDX-License-Identifier: Apache-2.0
#include "test/unit/server/mini_broker.h"

#include "base/big_endian.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/properties.h"
#include "base/timer.h"
#include "log/log_manager.h"
#include "net/endpoint.h"
#include "net/server.h"
#include "server/config/config.h"
#include "server/dispatch.h"
#include "server/metadata_cache.h"
#include "server/readiness.h"
#include "server/replica/replica_manager.h"
#include "server/scheduler.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void topic_config(void *context, const char *topic, struct log_config *config)
{
    const struct broker *broker = context;
    config_topic_log(broker->config, view_of_string(topic), config);
}

static void open_config(struct mini_broker *mini, const char *settings)
{
    struct properties properties = {0};
    char *reason = NULL;
    properties_set(&properties, "broker.id", "1");
    properties_set(&properties, "zookeeper.connect", "localhost:1");
    properties_set(&properties, "listeners", "PLAINTEXT://127.0.0.1:0");
    properties_set(&properties, "advertised.listeners", "PLAINTEXT://127.0.0.1:9092");
    properties_set(&properties, "num.network.threads", "1");
    properties_set(&properties, "log.dirs", mini->directory);
    CU_ASSERT_EQUAL_FATAL(properties_parse(&properties, view_of_string(settings)), 0);
    mini->broker.config = config_create(&properties, &reason);
    if (mini->broker.config == NULL)
        printf("%s\n", reason);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mini->broker.config);
    properties_fini(&properties);
}

static void open_logs(struct mini_broker *mini)
{
    char *message = NULL;
    struct log_manager_settings settings = {
        .recovery_threads_per_directory = 1,
        .delete_delay_ms = 60000,
        .producer_id_expiration_ms = 86400000,
        .topic_config = topic_config,
        .context = &mini->broker,
    };
    settings.directories = config_log_directories(mini->broker.config, &settings.directory_count);
    mini->broker.log_manager = log_manager_create(&settings, &message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mini->broker.log_manager);
    CU_ASSERT_TRUE_FATAL(log_manager_load(mini->broker.log_manager, MINI_BROKER_ID, "mini"));
}

static void open_server(struct mini_broker *mini)
{
    struct server_config config;
    char *reason = NULL;
    server_config_init(&config);
    config.listeners = config_listeners(mini->broker.config);
    config.inter_broker_listener = "PLAINTEXT";
    config.network_threads = 1;
    config.io_threads = 2;
    CU_ASSERT_EQUAL_FATAL(server_open(&config, &mini->broker.server, &reason), 0);
    mini->port = server_endpoints(mini->broker.server)->items[0].port;
    CU_ASSERT_EQUAL_FATAL(server_start(mini->broker.server, dispatch_request, &mini->broker), 0);
}

void mini_broker_start(struct mini_broker *mini, const char *settings)
{
    char path[] = "/tmp/barnabas-unit-XXXXXX";
    *mini = (struct mini_broker){.broker = {.id = MINI_BROKER_ID, .epoch = MINI_BROKER_EPOCH}};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    mini->directory = memory_copy_string(path);
    arena_init(&mini->arena, SIZE_MAX);
    open_config(mini, settings);
    CU_ASSERT_EQUAL_FATAL(timer_start("timer", &mini->broker.timer), 0);
    CU_ASSERT_EQUAL_FATAL(scheduler_create(1, &mini->broker.scheduler), 0);
    mini->broker.metadata_cache = metadata_cache_create();
    mini->broker.readiness = readiness_create(&mini->broker);
    open_logs(mini);
    mini->broker.replica_manager = replica_manager_create(&mini->broker);
    CU_ASSERT_EQUAL_FATAL(replica_manager_start(mini->broker.replica_manager), 0);
    open_server(mini);
    mini->fd = mini_broker_connect(mini);
}

void mini_broker_stop(struct mini_broker *mini)
{
    close(mini->fd);
    readiness_close(mini->broker.readiness);
    replica_manager_stop(mini->broker.replica_manager);
    CU_ASSERT_EQUAL(server_stop(mini->broker.server, INT64_MAX), 0);
    server_destroy(&mini->broker.server);
    readiness_destroy(&mini->broker.readiness);
    replica_manager_destroy(&mini->broker.replica_manager);
    scheduler_destroy(&mini->broker.scheduler);
    log_manager_close(mini->broker.log_manager);
    log_manager_destroy(&mini->broker.log_manager);
    metadata_cache_destroy(&mini->broker.metadata_cache);
    timer_destroy(&mini->broker.timer);
    config_destroy(&mini->broker.config);
    CU_ASSERT_EQUAL(file_remove_tree(mini->directory), 0);
    free(mini->directory);
    arena_fini(&mini->arena);
}

int mini_broker_connect(const struct mini_broker *mini)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(mini->port)};
    struct timeval timeout = {.tv_sec = 30};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
    CU_ASSERT_EQUAL_FATAL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    return fd;
}

struct mini_frame mini_broker_encode(int16_t api_key, int16_t version, const void *request)
{
    struct message_pieces pieces;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    CU_ASSERT_EQUAL_FATAL(
        frame_encode_request(api_by_key(api_key), version, 7, view_of_string("mini"), request, &arena, &pieces), 0);
    struct mini_frame frame = {memory_alloc(pieces.size + 4), 4};
    big_endian_store_32(frame.bytes, (uint32_t)pieces.size);
    for (size_t i = 0; i < pieces.count; frame.size += pieces.items[i++].size)
        memcpy(frame.bytes + frame.size, pieces.items[i].bytes, pieces.items[i].size);
    arena_fini(&arena);
    return frame;
}

// One write, so that the broker receives the request at once.
void mini_broker_send(int fd, int16_t api_key, int16_t version, const void *request)
{
    struct mini_frame frame = mini_broker_encode(api_key, version, request);
    CU_ASSERT_EQUAL_FATAL(send(fd, frame.bytes, frame.size, MSG_NOSIGNAL), (ssize_t)frame.size);
    free(frame.bytes);
}

static bool receive_bytes(int fd, uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = recv(fd, bytes + done, size - done, 0);
        if (count <= 0)
            return false;
        done += (size_t)count;
    }
    return true;
}

bool mini_broker_receive(struct mini_broker *mini, int fd, int16_t api_key, int16_t version, void *response)
{
    const struct api *api = api_by_key(api_key);
    uint8_t prefix[4];
    if (!receive_bytes(fd, prefix, sizeof prefix))
        return false;
    size_t size = big_endian_load_u32(prefix);
    uint8_t *frame = arena_alloc(&mini->arena, size);
    CU_ASSERT_TRUE_FATAL(receive_bytes(fd, frame, size));
    int32_t correlation_id;
    struct view body;
    CU_ASSERT_EQUAL_FATAL(frame_read_response_header(api, version, view_of(frame, size), &correlation_id, &body), 0);
    CU_ASSERT_EQUAL(correlation_id, 7);
    CU_ASSERT_EQUAL_FATAL(message_decode(api->response, version, body, &mini->arena, response), 0);
    return true;
}

void mini_broker_call(struct mini_broker *mini, int16_t api_key, int16_t version, const void *request, void *response)
{
    mini_broker_send(mini->fd, api_key, version, request);
    CU_ASSERT_TRUE_FATAL(mini_broker_receive(mini, mini->fd, api_key, version, response));
}

void mini_broker_exchange(struct mini_broker *mini, struct mini_frame frame, uint8_t *answer, size_t answer_size_max,
                          size_t answer_size_min)
{
    uint8_t prefix[4];
    CU_ASSERT_EQUAL_FATAL(send(mini->fd, frame.bytes, frame.size, MSG_NOSIGNAL), (ssize_t)frame.size);
    CU_ASSERT_TRUE_FATAL(receive_bytes(mini->fd, prefix, sizeof prefix));
    size_t answer_size = big_endian_load_u32(prefix);
    CU_ASSERT_TRUE_FATAL(answer_size <= answer_size_max && answer_size >= answer_size_min);
    CU_ASSERT_TRUE_FATAL(receive_bytes(mini->fd, answer, answer_size));
}

// ---- Topics

struct uuid mini_broker_topic_id(const char *name)
{
    struct uuid id = UUID_ZERO;
    id.bytes[0] = 1;
    for (size_t i = 0; i < strlen(name); i++)
        id.bytes[1 + i % 15] = (uint8_t)(id.bytes[1 + i % 15] * 31 + name[i]);
    return id;
}

static void update_metadata(struct mini_broker *mini, const char *name, int32_t partition_count)
{
    struct update_metadata_request request = update_metadata_request_default;
    struct update_metadata_request_endpoint endpoint = {
        .port = mini->port, .host = view_of_string("127.0.0.1"), .listener = view_of_string("PLAINTEXT")};
    struct update_metadata_request_live_broker brokers[] = {
        {.id = MINI_BROKER_ID, .endpoints = {.items = &endpoint, .count = 1}},
        {.id = MINI_OTHER_BROKER_ID, .endpoints = {.items = &endpoint, .count = 1}}};
    struct update_metadata_request_topic_state topic = {.topic_name = view_of_string(name),
                                                        .topic_id = mini_broker_topic_id(name)};
    int32_t self = MINI_BROKER_ID;
    struct int32_array just_us = {&self, 1};
    topic.partition_states.items =
        message_alloc_array(&mini->arena, &update_metadata_request_partition_state_schema, partition_count);
    topic.partition_states.count = partition_count;
    for (int32_t i = 0; i < partition_count; i++) {
        topic.partition_states.items[i].partition_index = i;
        topic.partition_states.items[i].leader = MINI_BROKER_ID;
        topic.partition_states.items[i].leader_epoch = MINI_LEADER_EPOCH;
        topic.partition_states.items[i].isr = topic.partition_states.items[i].replicas = just_us;
    }
    request.controller_id = MINI_BROKER_ID;
    request.controller_epoch = MINI_CONTROLLER_EPOCH;
    request.broker_epoch = MINI_BROKER_EPOCH;
    request.live_brokers.items = brokers;
    request.live_brokers.count = 2;
    request.topic_states.items = &topic;
    request.topic_states.count = 1;
    struct update_metadata_response response;
    mini_broker_call(mini, API_UPDATE_METADATA, 8, &request, &response);
    CU_ASSERT_EQUAL(response.error_code, 0);
}

static void lead(struct mini_broker *mini, const char *name, int32_t partition_count)
{
    struct leader_and_isr_request request = leader_and_isr_request_default;
    struct leader_and_isr_request_topic_state topic = {.topic_name = view_of_string(name),
                                                       .topic_id = mini_broker_topic_id(name)};
    int32_t self = MINI_BROKER_ID;
    struct int32_array just_us = {&self, 1};
    topic.partition_states.items =
        message_alloc_array(&mini->arena, &leader_and_isr_request_partition_state_schema, partition_count);
    topic.partition_states.count = partition_count;
    for (int32_t i = 0; i < partition_count; i++) {
        topic.partition_states.items[i].partition_index = i;
        topic.partition_states.items[i].leader = MINI_BROKER_ID;
        topic.partition_states.items[i].leader_epoch = MINI_LEADER_EPOCH;
        topic.partition_states.items[i].isr = topic.partition_states.items[i].replicas = just_us;
    }
    request.controller_id = MINI_BROKER_ID;
    request.controller_epoch = MINI_CONTROLLER_EPOCH;
    request.broker_epoch = MINI_BROKER_EPOCH;
    request.topic_states.items = &topic;
    request.topic_states.count = 1;
    struct leader_and_isr_response response;
    mini_broker_call(mini, API_LEADER_AND_ISR, 7, &request, &response);
    CU_ASSERT_EQUAL(response.error_code, 0);
    CU_ASSERT_EQUAL_FATAL(response.topics.count, 1);
    for (int32_t i = 0; i < partition_count; i++)
        CU_ASSERT_EQUAL(response.topics.items[0].partition_errors.items[i].error_code, 0);
}

void mini_broker_create_topic(struct mini_broker *mini, const char *name, int32_t partition_count,
                              const char *overrides)
{
    struct properties properties = {0};
    CU_ASSERT_EQUAL_FATAL(properties_parse(&properties, view_of_string(overrides)), 0);
    config_set_topic(mini->broker.config, view_of_string(name), &properties);
    properties_fini(&properties);
    struct log_config log_config;
    config_topic_log(mini->broker.config, view_of_string(name), &log_config);
    for (int32_t i = 0; i < partition_count; i++) { // the broker would ask ZooKeeper for the overrides of a new log
        struct log *log;
        CU_ASSERT_EQUAL_FATAL(log_manager_create_log(mini->broker.log_manager, view_of_string(name), i,
                                                     mini_broker_topic_id(name), &log_config, &log),
                              KAFKA_NONE);
        log_unref(log);
    }
    update_metadata(mini, name, partition_count);
    lead(mini, name, partition_count);
}

// ---- Produce and Fetch

struct produce_response_partition mini_broker_produce(struct mini_broker *mini, const char *topic, int32_t partition,
                                                      struct view batch, int16_t acks)
{
    struct produce_request_partition data = {.index = partition, .records = {.bytes = batch}};
    struct produce_request_topic topic_data = {.name = view_of_string(topic),
                                               .partition_data = {.items = &data, .count = 1}};
    struct produce_request request = produce_request_default;
    request.acks = acks;
    request.timeout_ms = 10000;
    request.topic_data.items = &topic_data;
    request.topic_data.count = 1;
    struct produce_response response;
    mini_broker_call(mini, API_PRODUCE, 11, &request, &response);
    CU_ASSERT_EQUAL_FATAL(response.responses.count, 1);
    CU_ASSERT_EQUAL_FATAL(response.responses.items[0].partition_responses.count, 1);
    return response.responses.items[0].partition_responses.items[0];
}

void mini_fetch_init(struct mini_fetch *fetch, const char *topic, int32_t partition, int64_t offset)
{
    fetch->partition = fetch_request_partition_default;
    fetch->partition.partition = partition;
    fetch->partition.fetch_offset = offset;
    fetch->partition.partition_max_bytes = 1 << 20;
    fetch->topic = fetch_request_topic_default;
    fetch->topic.topic_id = mini_broker_topic_id(topic);
    fetch->topic.partitions.items = &fetch->partition;
    fetch->topic.partitions.count = 1;
    fetch->request = fetch_request_default;
    fetch->request.min_bytes = 1;
    fetch->request.rack_id = view_of_string("");
    fetch->request.topics.items = &fetch->topic;
    fetch->request.topics.count = 1;
}
