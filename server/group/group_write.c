// SPDX-License-Identifier: Apache-2.0
// A group's batches go to its partition in the order in which they were made, one at a time: the next is appended when
// the one before is stored. The append may call back at once or later, from any thread.
#include "base/memory.h"
#include "server/group/group_internal.h"

#include <stdlib.h>

struct group_write {
    struct list link;
    struct group *group; // a reference
    uint8_t *batch;
    size_t size;
    group_write_done *done;
    void *context;
};

void group_write_add(struct group *group, uint8_t *batch, size_t size, group_write_done *done, void *context)
{
    struct group_write *write = memory_alloc(sizeof *write);
    *write =
        (struct group_write){.group = group_ref(group), .batch = batch, .size = size, .done = done, .context = context};
    list_append(&group->writes, &write->link);
}

// What a failed append means to the members of a group.
static enum kafka_error group_error_of_append(enum kafka_error error)
{
    switch (error) {
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_NOT_ENOUGH_REPLICAS:
    case KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_KAFKA_STORAGE_ERROR:
        return KAFKA_NOT_COORDINATOR;
    default:
        return error;
    }
}

static void write_done(void *context, enum kafka_error error)
{
    struct group_write *write = context;
    struct group *group = write->group;
    group_acquire(group);
    if (write->done != NULL)
        write->done(group, write->context, group_error_of_append(error));
    group->is_writing = false;
    group_release(group); // which starts the next
    free(write->context);
    free(write->batch);
    free(write);
    group_unref(group);
}

void group_write_pending(struct group *group)
{
    const struct group_store *store = group_coordinator_store(group->coordinator);
    lock_acquire(&group->lock);
    // An append that is done at once calls back, and so here again, before it returns: the next write is left to this
    // loop, so that a long queue does not deepen the stack.
    while (!group->is_in_write_loop && !group->is_writing && !list_is_empty(&group->writes)) {
        struct group_write *write = LIST_ELEMENT(list_take_first(&group->writes), struct group_write, link);
        group->is_writing = group->is_in_write_loop = true;
        lock_release(&group->lock);
        store->append(store->context, group->partition, view_of(write->batch, write->size), write_done, write);
        lock_acquire(&group->lock);
        group->is_in_write_loop = false;
    }
    lock_release(&group->lock);
}
