// SPDX-License-Identifier: Apache-2.0
// What the group coordinator reads from its internal topic when it becomes a partition's leader: records, each a piece
// for the key and one for the value (none for a removal), or, by the first byte, raw batches. Whatever it reads,
// it loads or refuses, and then describes, serves and removes the groups that it has.
#include "base/arena.h"
#include "base/logger.h"
#include "base/memory.h"
#include "base/timer.h"
#include "log/batch_builder.h"
#include "net/protocol/messages.h"
#include "server/group/group_coordinator.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

enum { ARENA_MAX = 16 << 20 };

struct store {
    uint8_t *batch;
    size_t size;
};

static int32_t one_partition(void *context)
{
    (void)context;
    return 1;
}

static void append(void *context, int32_t partition, struct view batch,
                   void (*done)(void *done_context, enum kafka_error error), void *done_context)
{
    (void)context;
    (void)partition;
    (void)batch;
    done(done_context, KAFKA_NONE);
}

static enum kafka_error read_store(void *context, int32_t partition, int64_t offset, size_t size_max, uint8_t **buffer,
                                   size_t *capacity, size_t *size)
{
    const struct store *store = context;
    (void)partition;
    (void)size_max;
    *size = 0;
    if (offset >= 0 || store->size == 0)
        return KAFKA_NONE;
    *buffer = memory_resize(*buffer, store->size, 1);
    *capacity = *size = store->size;
    memcpy(*buffer, store->batch, store->size);
    return KAFKA_NONE;
}

static void answered(void *context, void *response)
{
    *(void **)context = response;
}

static void fetch_offsets(struct group_coordinator *coordinator, struct view group_id, struct arena *arena)
{
    struct offset_fetch_request_group request = {.group_id = group_id, .topics = {.count = -1}};
    struct offset_fetch_response_group response = {0};
    group_coordinator_fetch(coordinator, &request, arena, &response);
}

static void use_group(struct group_coordinator *coordinator, struct view group_id)
{
    struct arena arena;
    void *response = NULL;
    struct group_waiter waiter = {&arena, answered, &response};
    struct describe_groups_response_group description = {0};
    struct delete_groups_request request = delete_groups_request_default;
    arena_init(&arena, ARENA_MAX);
    group_coordinator_describe(coordinator, group_id, &arena, &description);
    fetch_offsets(coordinator, group_id, &arena);
    group_coordinator_forget_partition(coordinator, view_of_string("t"), 0);
    request.groups_names.items = &group_id;
    request.groups_names.count = 1;
    group_coordinator_delete(coordinator, &request, &waiter);
    assert(response != NULL);
    arena_fini(&arena);
}

// Waits for the load's end.
static void use_all(struct group_coordinator *coordinator)
{
    struct list_groups_request list = list_groups_request_default;
    struct list_groups_response listed;
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    for (;;) {
        listed = list_groups_response_default;
        group_coordinator_list(coordinator, &list, &arena, &listed);
        if (listed.error_code != KAFKA_COORDINATOR_LOAD_IN_PROGRESS)
            break;
        sched_yield();
    }
    for (int32_t i = 0; i < listed.groups.count; i++)
        use_group(coordinator, listed.groups.items[i].group_id);
    group_coordinator_expire_offsets(coordinator);
    arena_fini(&arena);
}

static void build(struct store *store, struct view input)
{
    struct batch_header header = {.leader_epoch = -1, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
    struct batch_builder *builder = batch_builder_create(&header, COMPRESSION_NONE, COMPRESSION_LEVEL_DEFAULT);
    do {
        struct view key = input_piece(&input), value = input_piece(&input);
        batch_builder_append(builder, 1000, key, value.size > 0 ? value : VIEW_NULL, view_of("", 0), 0);
    } while (input.size > 0);
    store->batch = batch_builder_finish(builder, &store->size);
    batch_builder_destroy(builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_of(data, size);
    struct store store = {0};
    struct timer *timer;
    struct group_coordinator *coordinator;
    struct group_settings settings = {.session_timeout_min_ms = 10,
                                      .session_timeout_max_ms = 60000,
                                      .group_size_max = 100,
                                      .offset_metadata_size_max = 100,
                                      .offsets_retention_ms = 1,
                                      .load_buffer_size = 1024};
    struct group_store group_store = {
        .context = &store, .partition_count = one_partition, .append = append, .read = read_store};
    logger_set_level(LOGGER_FATAL);
    if (input_byte(&input) == 0) {
        store.batch = memory_alloc(input.size);
        store.size = input.size;
        memcpy(store.batch, input.data, input.size);
        fuzz_mend_batches(store.batch, store.size);
    } else {
        build(&store, input);
    }
    int result = timer_start("timer", &timer);
    assert(result == 0);
    result = group_coordinator_start(&settings, &group_store, timer, &coordinator);
    assert(result == 0);
    (void)result;
    group_coordinator_elected(coordinator, 0);
    use_all(coordinator);
    group_coordinator_stop(coordinator);
    timer_destroy(&timer);
    group_coordinator_destroy(&coordinator);
    free(store.batch);
    return 0;
}
