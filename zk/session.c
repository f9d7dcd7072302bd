// SPDX-License-Identifier: Apache-2.0
#include "zk/session.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "zk/session_internal.h"
#include "zk/znodes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { IN_FLIGHT_MAX_DEFAULT = 10, REOPEN_PAUSE_MS = 1000, HINT_AFTER_MS = 800 };

// One zk_session_run(), guarded by the session's lock.
struct call {
    struct zk_session *session;
    struct arena *arena;
    struct flight *flights;
    size_t count;
    size_t outstanding;  // started, not yet answered
    uint64_t generation; // of the session that it began in, 0 before
    bool lost;           // a connection broke: what is unanswered starts again
    bool over;           // the session's end was met
};

struct flight {
    struct call *call;
    struct zk_request *request;
    bool answered;
};

static void observe_connection(struct zk_session *session, const struct zk_event *event)
{
    lock_acquire(&session->lock);
    enum session_state before = session->state;

    if (before == SESSION_CONNECTING || before == SESSION_CONNECTED) {
        session->state = event->kind == ZK_EVENT_CONNECTED ? SESSION_CONNECTED
                         : event->kind == ZK_EVENT_EXPIRED ? SESSION_EXPIRED
                                                           : SESSION_CONNECTING;
        condition_broadcast(&session->changed);
    }
    enum session_state after = session->state;
    lock_release(&session->lock);

    if (before == SESSION_CONNECTED && after == SESSION_CONNECTING)
        logger_warn("Lost the connection to ZooKeeper at %s, connecting again.", session->connect_text);
    else if (before == SESSION_CONNECTING && after == SESSION_CONNECTED)
        logger_info("Connected to ZooKeeper at %s.", session->connect_text);
}

static void observe_event(void *context, const struct zk_event *event)
{
    struct zk_session *session = context;

    if (event->kind <= ZK_EVENT_EXPIRED)
        observe_connection(session, event);
    else
        session_dispatch(session, event);
}

// Starts a client for the session's connect string; the first connection comes later.
static int start_client(struct zk_session *session, const char *hosts, const struct zk_session_id *take_up,
                        struct zk_client **client)
{
    struct zk_client_options options = {
        .hosts = hosts,
        .session_timeout_ms = session->session_timeout_ms,
        .take_up = take_up,
        .notify = observe_event,
        .context = session,
    };
    return session->calls->open(&options, client);
}

// Takes the client away and closes it. Outstanding calls end meanwhile.
static void close_client(struct zk_session *session)
{
    lock_acquire(&session->lock);
    struct zk_client *client = session->client;

    session->client = NULL;
    while (client && session->users > 0)
        condition_wait(&session->changed, &session->lock);
    lock_release(&session->lock);
    if (client)
        session->calls->close(client);
}

static void note_identity_locked(struct zk_session *session) LOCK_REQUIRES(session->lock)
{
    session->identity = session->calls->session_id(session->client);
    session->granted_timeout_ms = session->calls->session_timeout_ms(session->client);
}

// Waits until the state is no longer CONNECTING or the deadline (0: none) has come.
static enum session_state wait_for_connection(struct zk_session *session, int64_t deadline_ms)
{
    lock_acquire(&session->lock);
    while (session->state == SESSION_CONNECTING) {
        if (!deadline_ms)
            condition_wait(&session->changed, &session->lock);
        else if (!condition_wait_until(&session->changed, &session->lock, deadline_ms))
            break;
    }
    enum session_state state = session->state;

    if (state == SESSION_CONNECTED && session->client)
        note_identity_locked(session);
    lock_release(&session->lock);
    return state;
}

// Calls one function of every listener that has it, without the lock.
static void tell_listeners(struct zk_session *session, bool opened)
{
    for (size_t i = 0;; i++) {
        lock_acquire(&session->lock);
        bool done = i >= session->listeners.count || session->state == SESSION_CLOSED;
        struct zk_session_listener listener = done ? (struct zk_session_listener){0} : session->listeners.items[i];
        lock_release(&session->lock);

        if (done)
            return;
        if (opened && listener.opened)
            listener.opened(listener.context);
        if (!opened && listener.expired)
            listener.expired(listener.context);
    }
}

// Opens the next session (zk 1), trying for ever. False when the session was shut down meanwhile.
static bool open_next(struct zk_session *session)
{
    for (;;) {
        lock_acquire(&session->lock);
        bool closed = session->state == SESSION_CLOSED;
        if (!closed) {
            session->state = SESSION_CONNECTING;
            session->generation++;
        }
        lock_release(&session->lock);
        if (closed)
            return false;

        struct zk_client *client = NULL;
        int error = start_client(session, session->connect_text, NULL, &client);

        lock_acquire(&session->lock);
        closed = session->state == SESSION_CLOSED;
        if (!error && !closed) {
            session->client = client;
            condition_broadcast(&session->changed);
        }
        if (error && !closed) {
            logger_warn("Cannot find ZooKeeper at %s, trying again: none of the names resolves.",
                        session->connect_text);
            condition_wait_until(&session->changed, &session->lock, clock_monotonic_ms() + REOPEN_PAUSE_MS);
        }
        lock_release(&session->lock);
        if (error)
            continue;
        if (!closed)
            return true;
        session->calls->close(client);
        return false;
    }
}

// The zk-session thread.
static void replace_sessions(void *context)
{
    struct zk_session *session = context;

    for (;;) {
        lock_acquire(&session->lock);
        while (session->state == SESSION_CONNECTING || session->state == SESSION_CONNECTED)
            condition_wait(&session->changed, &session->lock);
        bool closed = session->state == SESSION_CLOSED;
        int64_t id = session->identity.id;
        lock_release(&session->lock);
        if (closed)
            return;

        logger_warn("The ZooKeeper session 0x%llx has expired, opening a new one.", (unsigned long long)id);
        tell_listeners(session, false);
        close_client(session);
        if (!open_next(session))
            return;
        if (wait_for_connection(session, 0) != SESSION_CONNECTED)
            continue;
        logger_info("Opened the ZooKeeper session 0x%llx.", (unsigned long long)zk_session_identity(session).id);
        tell_listeners(session, true);
    }
}

static void free_session(struct zk_session *session)
{
    session_forget_watches(session);
    array_fini(&session->listeners);
    connect_string_fini(&session->connect);
    free(session->connect_text);
    condition_fini(&session->changed);
    lock_fini(&session->lock);
    free(session);
}

static enum zk_result create_session(const struct zk_session_config *config, struct zk_session **session, char *reason)
{
    struct connect_string connect;

    if (connect_string_parse(config->connect, &connect)) {
        snprintf(reason, ZK_REASON_SIZE,
                 "zookeeper.connect=%s is not of the form host:port,host:port/chroot (the port is 2181 by default)",
                 config->connect);
        return ZK_BAD_DATA;
    }
    struct zk_session *new = memory_alloc(sizeof *new);

    lock_init(&new->lock, LOCK_ZK_SESSION);
    condition_init(&new->changed);
    new->connect = connect;
    new->connect_text = memory_format("%s%s", connect.hosts, connect.chroot);
    new->session_timeout_ms = config->session_timeout_ms;
    new->connection_timeout_ms =
        config->connection_timeout_ms > 0 ? config->connection_timeout_ms : config->session_timeout_ms;
    new->in_flight_max = config->in_flight_max > 0 ? (size_t)config->in_flight_max : IN_FLIGHT_MAX_DEFAULT;
    new->calls = config->client ? config->client : zk_client_library();
    *session = new;
    return ZK_OK;
}

static void explain_silence(struct zk_session *session, char reason[ZK_REASON_SIZE])
{
    char hosts[ZK_REASON_SIZE / 2];

    connect_string_diagnose(&session->connect, hosts, sizeof hosts);
    snprintf(
        reason, ZK_REASON_SIZE,
        "ZooKeeper does not answer: %s. Start one with bin/zookeeper-server-start.sh config/zookeeper.properties, or "
        "set zookeeper.connect to where it runs",
        hosts);
}

static void wait_until(struct zk_session *session, int64_t deadline_ms)
{
    lock_acquire(&session->lock);
    while (condition_wait_until(&session->changed, &session->lock, deadline_ms))
        continue;
    lock_release(&session->lock);
}

// Names may be there a moment later, those of containers that start together, say.
static bool start_first_client(struct zk_session *session, const char *hosts, const struct zk_session_id *take_up,
                               int64_t deadline_ms, char *reason)
{
    struct zk_client *client = NULL;

    for (bool told = false;; told = true) {
        if (!start_client(session, hosts, take_up, &client)) {
            lock_acquire(&session->lock);
            session->client = client;
            session->generation++;
            condition_broadcast(&session->changed);
            lock_release(&session->lock);
            return true;
        }
        explain_silence(session, reason);
        if (clock_monotonic_ms() + REOPEN_PAUSE_MS > deadline_ms)
            return false;
        if (!told)
            logger_warn("%s. Trying again.", reason);
        wait_until(session, clock_monotonic_ms() + REOPEN_PAUSE_MS);
    }
}

// Opens the first session at hosts (with or without the chroot).
static enum zk_result connect_first(struct zk_session *session, const char *hosts, const struct zk_session_id *take_up,
                                    char reason[ZK_REASON_SIZE])
{
    int64_t now_ms = clock_monotonic_ms(), deadline_ms = now_ms + session->connection_timeout_ms;
    int64_t hint_ms = now_ms + HINT_AFTER_MS < deadline_ms ? now_ms + HINT_AFTER_MS : deadline_ms;

    if (!start_first_client(session, hosts, take_up, deadline_ms, reason))
        return ZK_TIMED_OUT;
    enum session_state state = wait_for_connection(session, hint_ms);

    if (state == SESSION_CONNECTING && hint_ms < deadline_ms) {
        explain_silence(session, reason);
        logger_warn("%s. Trying until %d ms have passed (zookeeper.connection.timeout.ms).", reason,
                    session->connection_timeout_ms);
        state = wait_for_connection(session, deadline_ms);
    }
    if (state == SESSION_CONNECTED)
        return ZK_OK;
    if (state == SESSION_CONNECTING)
        explain_silence(session, reason);
    else
        snprintf(reason, ZK_REASON_SIZE, "ZooKeeper at %s refuses the session", hosts);
    close_client(session);
    return state == SESSION_CONNECTING ? ZK_TIMED_OUT : ZK_SESSION_EXPIRED;
}

// Creates what is missing of the chroot, in a session of its own.
static enum zk_result create_chroot(const struct zk_session_config *config, char reason[ZK_REASON_SIZE])
{
    struct zk_session *session;
    enum zk_result result = create_session(config, &session, reason);

    if (result)
        return result;
    if (session->connect.chroot[0]) {
        result = connect_first(session, session->connect.hosts, NULL, reason);
        if (!result) {
            result = zk_exists(session, session->connect.chroot, NULL);
            if (result == ZK_NO_NODE)
                result = zk_create_recursive(session, session->connect.chroot, VIEW_NULL);
            if (result == ZK_NODE_EXISTS)
                result = ZK_OK;
            if (result)
                snprintf(reason, ZK_REASON_SIZE, "The chroot %s cannot be created in ZooKeeper at %s: %s",
                         session->connect.chroot, session->connect.hosts, zk_result_name(result));
        }
    }
    zk_session_shutdown(session);
    free_session(session);
    return result;
}

enum zk_result zk_session_open(const struct zk_session_config *config, struct zk_session **session,
                               char reason[ZK_REASON_SIZE])
{
    struct zk_session *new;
    enum zk_result result = config->create_chroot ? create_chroot(config, reason) : ZK_OK;

    if (!result)
        result = create_session(config, &new, reason);
    if (result)
        return result;
    result = connect_first(new, new->connect_text, config->take_up, reason);
    if (!result && !config->take_up) {
        if (thread_start(&new->thread, replace_sessions, new, "zk-session"))
            result = ZK_FAILED;
        new->thread_started = result == ZK_OK;
    }
    if (result) {
        if (result == ZK_FAILED)
            snprintf(reason, ZK_REASON_SIZE, "No thread can be started for the ZooKeeper session");
        zk_session_shutdown(new);
        free_session(new);
        return result;
    }
    *session = new;
    return ZK_OK;
}

void zk_session_listen(struct zk_session *session, const struct zk_session_listener *listener)
{
    lock_acquire(&session->lock);
    *array_append(&session->listeners) = *listener;
    lock_release(&session->lock);
}

void zk_session_stop_waiting(struct zk_session *session)
{
    lock_acquire(&session->lock);
    session->is_impatient = true;
    condition_broadcast(&session->changed);
    lock_release(&session->lock);
}

bool zk_session_is_stopping(struct zk_session *session)
{
    lock_acquire(&session->lock);
    bool is_stopping = session->is_impatient || session->state == SESSION_CLOSED;
    lock_release(&session->lock);
    return is_stopping;
}

void zk_session_shutdown(struct zk_session *session)
{
    lock_acquire(&session->lock);
    bool again = session->state == SESSION_CLOSED;

    session->state = SESSION_CLOSED;
    condition_broadcast(&session->changed);
    lock_release(&session->lock);
    if (again)
        return;
    close_client(session);
    if (session->thread_started)
        thread_join(&session->thread);
}

void zk_session_destroy(struct zk_session **session)
{
    if (!*session)
        return;
    zk_session_shutdown(*session);
    free_session(*session);
    *session = NULL;
}

struct zk_session_id zk_session_identity(struct zk_session *session)
{
    lock_acquire(&session->lock);
    struct zk_session_id identity = session->identity;
    lock_release(&session->lock);
    return identity;
}

int zk_session_timeout_ms(struct zk_session *session)
{
    lock_acquire(&session->lock);
    int timeout_ms = session->granted_timeout_ms;
    lock_release(&session->lock);
    return timeout_ms;
}

bool zk_session_is_connected(struct zk_session *session)
{
    lock_acquire(&session->lock);
    bool connected = session->state == SESSION_CONNECTED;
    lock_release(&session->lock);
    return connected;
}

// On the client's thread.
static void land(void *context, bool lost)
{
    struct flight *flight = context;
    struct call *call = flight->call;
    struct zk_session *session = call->session;
    enum zk_result result = flight->request->ops[0].result;

    lock_acquire(&session->lock);
    if (lost)
        call->lost = true;
    else if (result == ZK_SESSION_EXPIRED || result == ZK_CLOSED)
        call->over = true;
    else
        flight->answered = true;
    call->outstanding--;
    session->in_flight--;
    condition_broadcast(&session->changed);
    lock_release(&session->lock);
}

// The lock is given up while the client is called.
static void start_flight_locked(struct zk_session *session, struct flight *flight) LOCK_REQUIRES(session->lock)
{
    struct call *call = flight->call;
    struct zk_request *request = flight->request;
    struct zk_client *client = session->client;
    bool watch = request->count == 1 && session_watches_locked(session, &request->ops[0]);

    session->users++;
    session->in_flight++;
    call->outstanding++;
    lock_release(&session->lock);
    bool started = session->calls->start(client, request->ops, request->count, watch, call->arena, land, flight);
    lock_acquire(&session->lock);
    session->users--;
    if (!started) {
        call->over = true;
        session->in_flight--;
        call->outstanding--;
    }
    condition_broadcast(&session->changed);
}

// Whether the call's requests can be sent now (zk 3); waits for a connection while there is hope.
static enum zk_result wait_usable_locked(struct zk_session *session, struct call *call) LOCK_REQUIRES(session->lock)
{
    while ((session->state == SESSION_CONNECTING || (session->state == SESSION_CONNECTED && !session->client)) &&
           (!call->generation || call->generation == session->generation) && !session->is_impatient)
        condition_wait(&session->changed, &session->lock);
    bool is_there = session->state == SESSION_CONNECTED && session->client;
    if (session->state == SESSION_CLOSED || (session->state != SESSION_EXPIRED && !is_there && session->is_impatient))
        return ZK_CLOSED;
    if (session->state == SESSION_EXPIRED || call->over)
        return ZK_SESSION_EXPIRED;
    if (call->generation && call->generation != session->generation)
        return ZK_SESSION_EXPIRED;
    call->generation = session->generation;
    return ZK_OK;
}

// Starts all that is unanswered, in order (zk 2), and waits for the answers. Returns whether everything is answered.
static bool fly_round_locked(struct zk_session *session, struct call *call) LOCK_REQUIRES(session->lock)
{
    bool complete = true;

    call->lost = false;
    for (size_t i = 0; i < call->count; i++) {
        if (call->flights[i].answered)
            continue;
        while (session->in_flight >= session->in_flight_max && !call->lost && !call->over)
            condition_wait(&session->changed, &session->lock);
        if (call->lost || call->over || session->state != SESSION_CONNECTED ||
            session->generation != call->generation || !session->client)
            break;
        start_flight_locked(session, &call->flights[i]);
    }
    while (call->outstanding > 0)
        condition_wait(&session->changed, &session->lock);
    for (size_t i = 0; i < call->count; i++)
        complete = complete && call->flights[i].answered;
    return complete;
}

enum zk_result zk_session_run(struct zk_session *session, struct arena *arena, struct zk_request *requests,
                              size_t count)
{
    struct call call = {.session = session, .arena = arena, .count = count};
    enum zk_result result;

    if (count == 0)
        return ZK_OK;
    call.flights = memory_alloc_array(count, sizeof *call.flights);
    for (size_t i = 0; i < count; i++) {
        assert(requests[i].count > 0);
        call.flights[i] = (struct flight){.call = &call, .request = &requests[i]};
    }

    lock_acquire(&session->lock);
    do
        result = wait_usable_locked(session, &call);
    while (!result && !fly_round_locked(session, &call));
    lock_release(&session->lock);

    for (size_t i = 0; i < count && result; i++)
        for (size_t j = 0; j < requests[i].count && !call.flights[i].answered; j++)
            requests[i].ops[j].result = result;
    free(call.flights);
    return result;
}
