// SPDX-License-Identifier: Apache-2.0
#include "server/controller/producer_id_manager.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/logger.h"
#include "base/memory.h"
#include "net/protocol/messages.h"
#include "server/broker.h"
#include "server/controller/controller.h"
#include "server/controller/controller_channel.h"
#include "server/controller/event_queue.h"
#include "server/purgatory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// A wait ends long before clients give a request up (30 s or 60 s).
enum { RETRY_BACKOFF_MS = 50, REQUEST_TIMEOUT_MS = 60000, WAIT_MS_MAX = 5000 };

#define WAIT_KEY view_of_string("producer-ids")

struct block {
    int64_t next, end; // ids next … end - 1 are left
    int64_t size;
};

struct producer_id_manager {
    struct broker *broker;
    struct event_queue *queue; // asks the controller
    struct controller_channel *channel;
    struct purgatory *purgatory; // who waits for an id
    struct lock lock;
    struct block current LOCK_GUARDED;
    struct block following LOCK_GUARDED; // empty until it is there
    bool is_asking LOCK_GUARDED;
};

struct ask_event {
    struct event event;
    struct producer_id_manager *manager;
    bool has_failed; // and that was logged
};

struct producer_id_manager *producer_id_manager_create(struct broker *broker)
{
    struct producer_id_manager *manager = memory_alloc(sizeof *manager);
    manager->broker = broker;
    manager->queue = event_queue_create();
    manager->channel = controller_channel_create(broker);
    manager->purgatory = purgatory_create("InitProducerId", broker->timer);
    lock_init(&manager->lock, LOCK_PRODUCER_IDS);
    return manager;
}

int producer_id_manager_start(struct producer_id_manager *manager)
{
    return event_queue_start(manager->queue, "producer-ids");
}

void producer_id_manager_stop(struct producer_id_manager *manager)
{
    controller_channel_interrupt(manager->channel);
    event_queue_stop(manager->queue);
    purgatory_close(manager->purgatory);
}

void producer_id_manager_destroy(struct producer_id_manager **manager)
{
    if (*manager == NULL)
        return;
    purgatory_destroy(&(*manager)->purgatory);
    event_queue_destroy(&(*manager)->queue);
    controller_channel_destroy(&(*manager)->channel);
    lock_fini(&(*manager)->lock);
    free(*manager);
    *manager = NULL;
}

// One call to the controller. Returns false when it is to be repeated.
static bool ask_once(struct producer_id_manager *manager, bool is_first, struct block *block)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct allocate_producer_ids_request request = allocate_producer_ids_request_default;
    request.broker_id = manager->broker->id;
    request.broker_epoch = atomic_load(&manager->broker->epoch);
    const void *answer = NULL;
    int error = controller_channel_call(manager->channel, API_ALLOCATE_PRODUCER_IDS, 0, &request, &arena, &answer,
                                        clock_monotonic_ms() + REQUEST_TIMEOUT_MS);
    const struct allocate_producer_ids_response *response = answer;
    bool is_given = error == 0 && response->error_code == KAFKA_NONE && response->producer_id_len > 0 &&
                    response->producer_id_start >= 0 &&
                    response->producer_id_start <= INT64_MAX - response->producer_id_len;
    if (is_given) {
        block->next = response->producer_id_start;
        block->size = response->producer_id_len;
        block->end = block->next + block->size;
        logger_info("Producer ids %lld to %lld are this broker's", (long long)block->next, (long long)block->end - 1);
    } else if (is_first) {
        logger_warn("The controller gave no producer ids, it is asked until it does: %s",
                    error == 0 ? kafka_error_name(response->error_code) : strerror(-error));
    }
    if (!is_given)
        controller_channel_reset(manager->channel);
    arena_fini(&arena);
    return is_given;
}

static void run_ask(struct event *event, bool is_dropped)
{
    struct ask_event *ask = (struct ask_event *)event;
    struct producer_id_manager *manager = ask->manager;
    struct block block;
    if (is_dropped) {
        free(event);
    } else if (!ask_once(manager, !ask->has_failed, &block)) {
        ask->has_failed = true;
        event_queue_put_later(manager->queue, event, RETRY_BACKOFF_MS);
    } else {
        free(event);
        lock_acquire(&manager->lock);
        manager->following = block;
        manager->is_asking = false;
        lock_release(&manager->lock);
        purgatory_check(manager->purgatory, WAIT_KEY);
    }
}

// Takes an id, if there is one, and asks for the next block in time.
static bool take(struct producer_id_manager *manager, int64_t *producer_id)
{
    lock_acquire(&manager->lock);
    if (manager->current.next == manager->current.end) {
        manager->current = manager->following;
        manager->following = (struct block){0};
    }
    bool is_there = manager->current.next < manager->current.end;
    if (is_there)
        *producer_id = manager->current.next++;
    int64_t left = manager->current.end - manager->current.next;
    bool asks = left <= manager->current.size / 10 && manager->following.size == 0 && !manager->is_asking;
    manager->is_asking |= asks;
    lock_release(&manager->lock);
    if (asks) {
        struct ask_event *ask = memory_alloc(sizeof *ask);
        ask->event.run = run_ask;
        ask->manager = manager;
        event_queue_put(manager->queue, &ask->event);
    }
    return is_there;
}

static bool has_taken(void *operation)
{
    struct producer_id_wait *wait = operation;
    return take(wait->manager, &wait->producer_id);
}

static void end_wait(void *operation, enum delayed_end end)
{
    struct producer_id_wait *wait = operation;
    wait->done(wait, end == DELAYED_READY ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
}

void producer_id_manager_take(struct producer_id_manager *manager, struct producer_id_wait *wait)
{
    static const struct delayed_calls calls = {has_taken, end_wait};
    struct view key = WAIT_KEY;
    wait->manager = manager;
    purgatory_watch(manager->purgatory, &calls, wait, &key, 1, WAIT_MS_MAX);
}
