// SPDX-License-Identifier: Apache-2.0
#include "net/peer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "net/protocol/api.h"
#include "net/server.h"
#include "test/unit/suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A broker that knows ApiVersions up to 2 and Metadata; a Metadata request for "silence" is never answered, one for
// "garbage" with bytes that are none, one for "close" by closing.
struct broker {
    struct endpoint_list listeners;
    struct server *server;
    struct request *_Atomic silent;
};

static void respond(struct request *request, int16_t version, const void *response)
{
    struct message_pieces pieces;
    if (frame_encode_response(api_by_key(request->api_key), version, request->correlation_id, response, &request->arena,
                              &pieces) != 0 ||
        send_list_add_message(&request->response, &pieces) != 0)
        abort();
    request_answer(request);
}

static void answer_versions(struct request *request)
{
    struct api_versions_response response = api_versions_response_default;
    struct api_versions_response_api_key ranges[] = {
        {API_API_VERSIONS, 0, 2}, {API_METADATA, 1, 7}, {-1, 0, 1}, {30000, 0, 1}};
    response.api_keys.items = ranges;
    response.api_keys.count = request->api_version > 2 ? 1 : 4;
    response.error_code = request->api_version > 2 ? (int16_t)KAFKA_UNSUPPORTED_VERSION : (int16_t)0;
    respond(request, request->api_version > 2 ? 0 : request->api_version, &response);
}

// Nine bytes each on the wire, much more when they are taken apart.
static void add_topics(struct request *request, struct metadata_response *response)
{
    enum { COUNT = 1500 };
    response->topics.items = message_alloc_array(&request->arena, &metadata_response_topic_schema, COUNT);
    response->topics.count = COUNT;
    if (response->topics.items == NULL)
        abort();
    for (int i = 0; i < COUNT; i++)
        response->topics.items[i].name = view_of_string("");
}

static void answer_metadata(struct broker *broker, struct request *request)
{
    struct metadata_request message;
    if (message_decode(&metadata_request_schema, request->api_version, request->body, &request->arena, &message) != 0)
        abort();
    struct view name = message.topics.count > 0 ? message.topics.items[0].name : view_of_string("none");
    if (view_equal_string(name, "silence")) {
        atomic_store(&broker->silent, request);
        return;
    }
    if (view_equal_string(name, "close")) {
        request_close(request);
        return;
    }
    if (view_equal_string(name, "garbage")) {
        if (send_list_add_bytes(&request->response, "\xff\xff\xff\xff\xff\xff\xff\xff", 8) != 0)
            abort();
        request_answer(request);
        return;
    }
    struct metadata_response response = metadata_response_default;
    if (view_equal_string(name, "swelling"))
        add_topics(request, &response);
    response.cluster_id = view_copy(&request->arena, name);
    respond(request, request->api_version, &response);
}

static void handle(void *context, struct request *request)
{
    if (request->api_key == API_API_VERSIONS)
        answer_versions(request);
    else
        answer_metadata(context, request);
}

static void broker_start(struct broker *broker)
{
    char *reason;
    struct server_config config;
    memset(broker, 0, sizeof *broker);
    server_config_init(&config);
    if (endpoint_list_parse("PLAINTEXT://127.0.0.1:0", NULL, true, &broker->listeners, &reason) != 0)
        abort();
    config.listeners = &broker->listeners;
    config.network_threads = config.io_threads = 1;
    if (server_open(&config, &broker->server, &reason) != 0 || server_start(broker->server, handle, broker) != 0)
        abort();
}

static void broker_end(struct broker *broker)
{
    // Its caller may have given up before the handler got it: look once no handler runs any more.
    (void)server_stop(broker->server, clock_monotonic_ms());
    struct request *silent = atomic_load(&broker->silent);
    if (silent != NULL)
        request_close(silent);
    server_destroy(&broker->server);
    endpoint_list_fini(&broker->listeners);
}

static int64_t soon(void)
{
    return clock_monotonic_ms() + 30000;
}

static struct peer *connect_with(struct broker *broker, int32_t response_size_max)
{
    struct peer_config config = {.host = "127.0.0.1",
                                 .port = server_endpoints(broker->server)->items[0].port,
                                 .client_id = "peer-test",
                                 .connect_timeout_ms = 10000,
                                 .response_size_max = response_size_max};
    struct peer *peer = NULL;
    CU_ASSERT_EQUAL_FATAL(peer_connect(&config, soon(), &peer, NULL), 0);
    return peer;
}

static struct peer *connect_to(struct broker *broker)
{
    return connect_with(broker, 0);
}

static int ask(struct peer *peer, const char *topic, struct arena *arena, const struct metadata_response **response,
               int64_t deadline_ms)
{
    struct metadata_request request = metadata_request_default;
    struct metadata_request_topic topics[] = {metadata_request_topic_default};
    topics[0].name = view_of_string(topic);
    request.topics.items = topics;
    request.topics.count = 1;
    const void *answer = NULL;
    int result = peer_call(peer, API_METADATA, 7, &request, arena, &answer, deadline_ms);
    if (result == 0)
        *response = answer;
    return result;
}

static void calls_and_negotiates(void)
{
    struct broker broker;
    broker_start(&broker);
    struct peer *peer = connect_to(&broker);
    CU_ASSERT_EQUAL(peer_version(peer, API_METADATA, 0, 12), -1);
    CU_ASSERT_EQUAL(peer_negotiate(peer, soon()), 0);
    CU_ASSERT_EQUAL(peer_version(peer, API_METADATA, 0, 12), 7);
    CU_ASSERT_EQUAL(peer_version(peer, API_METADATA, 0, 3), 3);
    CU_ASSERT_EQUAL(peer_version(peer, API_METADATA, 8, 12), -1);
    CU_ASSERT_EQUAL(peer_version(peer, API_METADATA, 0, 0), -1);
    CU_ASSERT_EQUAL(peer_version(peer, API_FETCH, 0, 20), -1);
    CU_ASSERT_EQUAL(peer_version(peer, 30000, 0, 20), -1);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct metadata_response *response = NULL;
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(ask(peer, "topic", &arena, &response, soon()), 0);
        CU_ASSERT_TRUE(view_equal_string(response->cluster_id, "topic"));
    }
    CU_ASSERT_EQUAL(peer_call(peer, API_METADATA, 99, NULL, &arena, (const void **)&response, soon()), -EINVAL);
    CU_ASSERT_EQUAL(peer_receive(peer, &arena, (const void **)&response, soon()), -EINVAL);
    CU_ASSERT_EQUAL(ask(peer, "still works", &arena, &response, soon()), 0);
    arena_fini(&arena);
    peer_destroy(&peer);
    broker_end(&broker);
}

static void sends_several_before_it_receives(void)
{
    struct broker broker;
    broker_start(&broker);
    struct peer *peer = connect_to(&broker);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int16_t version = 1; version <= 7; version++) {
        struct metadata_request request = metadata_request_default;
        CU_ASSERT_EQUAL(peer_send(peer, API_METADATA, version, &request, soon()), 0);
    }
    for (int16_t version = 1; version <= 7; version++) {
        const void *answer = NULL;
        CU_ASSERT_EQUAL_FATAL(peer_receive(peer, &arena, &answer, soon()), 0);
        const struct metadata_response *response = answer;
        CU_ASSERT_EQUAL(view_equal_string(response->cluster_id, "none"), version >= 2);
    }
    arena_fini(&arena);
    peer_destroy(&peer);
    broker_end(&broker);
}

// Each failure ends the connection's use: the two ends no longer agree.
static void fails_for_good(void)
{
    struct broker broker;
    broker_start(&broker);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct metadata_response *response = NULL;
    struct peer *peer = connect_to(&broker);
    CU_ASSERT_EQUAL(ask(peer, "close", &arena, &response, soon()), -ECONNRESET);
    CU_ASSERT_EQUAL(ask(peer, "topic", &arena, &response, soon()), -ECONNRESET);
    peer_destroy(&peer);
    peer = connect_to(&broker);
    CU_ASSERT_EQUAL(ask(peer, "garbage", &arena, &response, soon()), -EBADMSG);
    CU_ASSERT_EQUAL(ask(peer, "topic", &arena, &response, soon()), -EBADMSG);
    peer_destroy(&peer);
    peer = connect_to(&broker);
    CU_ASSERT_EQUAL(ask(peer, "silence", &arena, &response, clock_monotonic_ms() + 20), -ETIMEDOUT);
    CU_ASSERT_EQUAL(ask(peer, "topic", &arena, &response, soon()), -ETIMEDOUT);
    peer_destroy(&peer);
    arena_fini(&arena);
    broker_end(&broker);
}

static void takes_no_more_memory_than_it_may(void)
{
    struct broker broker;
    broker_start(&broker);
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const struct metadata_response *response = NULL;
    struct peer *peer = connect_with(&broker, 8000);
    CU_ASSERT_EQUAL(ask(peer, "topic", &arena, &response, soon()), 0);
    CU_ASSERT_EQUAL(ask(peer, "swelling", &arena, &response, soon()), -EMSGSIZE);
    peer_destroy(&peer);
    size_t before = arena.used;
    peer = connect_with(&broker, 16000);
    CU_ASSERT_EQUAL(ask(peer, "swelling", &arena, &response, soon()), -ENOMEM);
    CU_ASSERT_TRUE(arena.used - before < 5 * 16000);
    CU_ASSERT_EQUAL(arena.used_max, SIZE_MAX);
    peer_destroy(&peer);
    peer = connect_to(&broker);
    CU_ASSERT_EQUAL_FATAL(ask(peer, "swelling", &arena, &response, soon()), 0);
    CU_ASSERT_EQUAL(response->topics.count, 1500);
    peer_destroy(&peer);
    arena_fini(&arena);
    broker_end(&broker);
}

static void interrupt_main(void *context)
{
    peer_interrupt(context);
}

static void is_interrupted_by_another_thread(void)
{
    struct broker broker;
    broker_start(&broker);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct metadata_response *response = NULL;
    struct peer *peer = connect_to(&broker);
    struct thread thread;
    CU_ASSERT_EQUAL_FATAL(thread_start(&thread, interrupt_main, peer, "interrupt"), 0);
    CU_ASSERT_EQUAL(ask(peer, "silence", &arena, &response, soon()), -ECANCELED);
    thread_join(&thread);
    peer_destroy(&peer);
    arena_fini(&arena);
    broker_end(&broker);
}

static void says_why_it_does_not_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0); // bound but not listening: its port refuses
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, size), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    struct peer_config config = {.host = "127.0.0.1", .port = ntohs(address.sin_port)};
    struct peer *peer = NULL;
    CU_ASSERT_EQUAL(peer_connect(&config, soon(), &peer, NULL), -ECONNREFUSED);
    config.host = "no host has such a name";
    CU_ASSERT_EQUAL(peer_connect(&config, soon(), &peer, NULL), -EHOSTUNREACH);
    config.security_protocol = SECURITY_PROTOCOL_SSL;
    CU_ASSERT_EQUAL(peer_connect(&config, soon(), &peer, NULL), -EPROTONOSUPPORT);
    CU_ASSERT_PTR_NULL(peer);
    close(fd);
}

SUITE_MAIN("net/peer", {"calls and negotiates", calls_and_negotiates},
           {"sends several before it receives", sends_several_before_it_receives}, {"fails for good", fails_for_good},
           {"takes no more memory than it may", takes_no_more_memory_than_it_may},
           {"is interrupted by another thread", is_interrupted_by_another_thread},
           {"says why it does not connect", says_why_it_does_not_connect})
