// SPDX-License-Identifier: Apache-2.0
#include "zk/registration.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "zk/paths.h"
#include "zk/znodes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// ZooKeeper expires a session at the end of a tick (2 s by default): that much later than its timeout.
enum { EXPIRY_SLACK_MS = 2000, POLL_MS = 20, ARENA_SIZE_MAX = 64 << 20, PLACE_SIZE = 300 };

static struct view write_now(struct arena *arena, const struct zk_registration *registration)
{
    struct zk_broker broker = *registration->broker;

    broker.timestamp_ms = clock_now_ms();
    return zk_write_broker(arena, &broker);
}

static bool same_address(const struct zk_endpoint *a, const struct zk_endpoint *b)
{
    return a->port == b->port && !strcmp(a->host, b->host);
}

// Another broker's registration that shares an address with ours, as Kafka's brokers check before they register.
static enum zk_result check_addresses(const struct zk_registration *registration, const char *other_id,
                                      const struct zk_broker *other, char *reason)
{
    for (size_t i = 0; i < registration->broker->endpoint_count; i++)
        for (size_t j = 0; j < other->endpoint_count; j++) {
            const struct zk_endpoint *own = &registration->broker->endpoints[i];

            if (!same_address(own, &other->endpoints[j]))
                continue;
            snprintf(reason, ZK_REASON_SIZE,
                     "Configured end points %s:%d in advertised listeners are already registered by broker %s",
                     own->host, own->port, other_id);
            return ZK_NODE_EXISTS;
        }
    return ZK_OK;
}

// " at host:port" of a registration, for people; empty when it could not be read.
static void print_place(const struct zk_broker *broker, char *text, size_t size)
{
    text[0] = '\0';
    if (broker->endpoint_count > 0)
        snprintf(text, size, " at %s:%d", broker->endpoints[0].host, broker->endpoints[0].port);
}

static enum zk_result check_other(const struct zk_registration *registration, struct arena *arena, const char *id,
                                  struct view json, char *reason)
{
    struct zk_broker other = {0};
    char place[PLACE_SIZE];

    if (zk_read_broker(arena, json, &other))
        logger_warn("The registration of broker %s cannot be read.", id);
    enum zk_result result = check_addresses(registration, id, &other, reason);

    if (result || !registration->sole)
        return result;
    print_place(&other, place, sizeof place);
    snprintf(
        reason, ZK_REASON_SIZE,
        "Broker %s%s is registered in this ZooKeeper already, and Barnabas does not replicate between brokers yet: "
        "one broker per cluster. Give this one a chroot of its own in zookeeper.connect, or stop the other (if it was "
        "killed, its registration vanishes with its session)",
        id, place);
    return ZK_NODE_EXISTS;
}

// Checks all other registrations. epoch_max: only those that registered before (INT64_MAX: all).
static enum zk_result check_others(struct zk_session *session, const struct zk_registration *registration,
                                   int64_t epoch_max, char *reason)
{
    struct arena arena;
    struct zk_names ids;
    char own[12];

    arena_init(&arena, ARENA_SIZE_MAX);
    snprintf(own, sizeof own, "%d", registration->broker_id);
    enum zk_result result = zk_children(session, &arena, ZK_PATH_BROKER_IDS, &ids);

    for (size_t i = 0; !result && i < ids.count; i++) {
        struct view json;
        struct zk_stat stat;
        const char *path = zk_path_child(&arena, ZK_PATH_BROKER_IDS, ids.names[i]);

        if (!strcmp(ids.names[i], own))
            continue;
        result = path ? zk_get(session, &arena, path, &json, &stat) : ZK_TOO_LARGE;
        if (!result && stat.czxid < epoch_max)
            result = check_other(registration, &arena, ids.names[i], json, reason);
        else if (result == ZK_NO_NODE)
            result = ZK_OK;
    }
    arena_fini(&arena);
    return result;
}

static enum zk_result try_to_register(struct zk_session *session, const struct zk_registration *registration,
                                      const char *path, int64_t *broker_epoch)
{
    struct arena arena;

    arena_init(&arena, ARENA_SIZE_MAX);
    struct zk_op ops[] = {
        {.kind = ZK_OP_CREATE, .mode = ZK_EPHEMERAL, .path = path},
        {.kind = ZK_OP_SET_DATA, .path = path, .data = write_now(&arena, registration), .version = 0},
    };
    struct zk_request request = {ops, 2};
    enum zk_result result = view_is_null(ops[1].data) ? ZK_BAD_DATA : zk_session_run(session, NULL, &request, 1);

    if (!result && ops[0].result == ZK_OK)
        *broker_epoch = ops[1].stat.czxid;
    else if (!result)
        result = ops[0].result;
    arena_fini(&arena);
    return result;
}

static void pause_ms(int ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&pause, NULL);
}

static void explain_duplicate(struct zk_session *session, const struct zk_registration *registration, const char *path,
                              int64_t owner, int64_t waited_ms, char *reason)
{
    struct arena arena;
    struct view json;
    struct zk_broker other = {0};
    char place[PLACE_SIZE];

    arena_init(&arena, ARENA_SIZE_MAX);
    if (!zk_get(session, &arena, path, &json, NULL) && zk_read_broker(&arena, json, &other))
        logger_warn("The registration at %s cannot be read.", path);
    print_place(&other, place, sizeof place);
    snprintf(reason, ZK_REASON_SIZE,
             "Broker id %d is registered in ZooKeeper by another live session (0x%" PRIx64 "%s); waited %" PRId64
             " ms for it to end. Give each broker a broker.id of its own",
             registration->broker_id, (uint64_t)owner, place, waited_ms);
    arena_fini(&arena);
}

// The id's znode exists (zk 8). Waits until another session's has gone (ZK_OK: try again), at most as long as it may
// live; ZK_CLOSED when the broker is to stop meanwhile. ZK_NODE_EXISTS with *broker_epoch set: it is this session's
// own, from a try whose answer was lost.
static enum zk_result wait_for_owner(struct zk_session *session, const struct zk_registration *registration,
                                     const char *path, int64_t start_ms, int64_t *broker_epoch, char *reason)
{
    int64_t deadline_ms = start_ms + zk_session_timeout_ms(session) + EXPIRY_SLACK_MS;

    for (bool told = false;; told = true) {
        struct zk_stat stat;
        enum zk_result result = zk_exists(session, path, &stat);

        if (result)
            return result == ZK_NO_NODE ? ZK_OK : result;
        if (stat.ephemeral_owner == zk_session_identity(session).id) {
            *broker_epoch = stat.czxid;
            return ZK_NODE_EXISTS;
        }
        if (zk_session_is_stopping(session))
            return ZK_CLOSED;
        if (clock_monotonic_ms() >= deadline_ms) {
            explain_duplicate(session, registration, path, stat.ephemeral_owner, clock_monotonic_ms() - start_ms,
                              reason);
            return ZK_NODE_EXISTS;
        }
        if (!told)
            logger_info("Broker id %d is still registered by the ZooKeeper session 0x%" PRIx64
                        ", waiting up to %" PRId64 " ms for it to end.",
                        registration->broker_id, (uint64_t)stat.ephemeral_owner, deadline_ms - clock_monotonic_ms());
        pause_ms(POLL_MS);
    }
}

static enum zk_result register_or_wait(struct zk_session *session, const struct zk_registration *registration,
                                       const char *path, int64_t *broker_epoch, char *reason)
{
    int64_t start_ms = clock_monotonic_ms(), own_epoch = -1;

    for (;;) {
        enum zk_result result = try_to_register(session, registration, path, broker_epoch);

        if (result != ZK_NODE_EXISTS)
            return result;
        result = wait_for_owner(session, registration, path, start_ms, &own_epoch, reason);
        if (result == ZK_NODE_EXISTS && own_epoch >= 0) {
            *broker_epoch = own_epoch;
            return ZK_OK;
        }
        if (result)
            return result;
    }
}

enum zk_result zk_register_broker(struct zk_session *session, const struct zk_registration *registration,
                                  struct zk_session_file *file, int64_t *broker_epoch, char reason[ZK_REASON_SIZE])
{
    char path[sizeof ZK_PATH_BROKER_IDS + 12];
    int64_t epoch = -1;

    reason[0] = '\0';
    snprintf(path, sizeof path, ZK_PATH_BROKER_IDS "/%d", registration->broker_id);
    enum zk_result result = check_others(session, registration, INT64_MAX, reason);

    if (!result && file && zk_session_file_write(file, zk_session_identity(session)))
        logger_warn("Cannot write " ZK_SESSION_FILE_NAME
                    " in the log directory: after kill -9 a restart has to wait for the session to expire.");
    if (!result)
        result = register_or_wait(session, registration, path, &epoch, reason);
    // Two that start together see each other only now; the first stays.
    if (!result && registration->sole)
        result = check_others(session, registration, epoch, reason);
    if (!result)
        *broker_epoch = epoch;
    else if (!reason[0])
        snprintf(reason, ZK_REASON_SIZE, "Broker %d cannot be registered in ZooKeeper: %s", registration->broker_id,
                 zk_result_name(result));
    return result;
}

enum zk_result zk_update_registration(struct zk_session *session, const struct zk_registration *registration)
{
    struct arena arena;

    arena_init(&arena, ARENA_SIZE_MAX);
    const char *path = zk_path_broker(&arena, registration->broker_id);
    struct view json = write_now(&arena, registration);
    enum zk_result result = view_is_null(json) ? ZK_BAD_DATA : zk_set(session, path, json, ZK_ANY_VERSION, NULL);
    arena_fini(&arena);
    return result;
}
