// SPDX-License-Identifier: Apache-2.0
#include "server/controller/event_queue.h"

#include "base/lock.h"
#include "test/unit/suite.h"

struct numbered {
    struct event event;
    int number;
};

static struct lock lock;
static struct condition changed;
static int ran[16], ran_count, dropped_count;

static void run(struct event *event, bool is_dropped)
{
    lock_acquire(&lock);
    if (is_dropped)
        dropped_count++;
    else
        ran[ran_count++] = ((struct numbered *)event)->number;
    condition_signal(&changed);
    lock_release(&lock);
}

static void wait_for(int count)
{
    lock_acquire(&lock);
    while (ran_count < count)
        condition_wait(&changed, &lock);
    lock_release(&lock);
}

static void prepare(void)
{
    lock_init(&lock, LOCK_TEST);
    condition_init(&changed);
    ran_count = dropped_count = 0;
}

static void finish(struct event_queue **queue)
{
    event_queue_destroy(queue);
    condition_fini(&changed);
    lock_fini(&lock);
}

static void runs_in_order(void)
{
    prepare();
    struct event_queue *queue = event_queue_create();
    static struct numbered events[4];
    for (int i = 0; i < 4; i++)
        events[i] = (struct numbered){.event.run = run, .number = i};
    // Of the delayed ones the earlier comes first, whenever it was put.
    event_queue_put_later(queue, &events[3].event, 30);
    event_queue_put_later(queue, &events[2].event, 5);
    event_queue_put(queue, &events[0].event);
    event_queue_put(queue, &events[1].event);
    CU_ASSERT_EQUAL(event_queue_start(queue, "test"), 0);
    wait_for(4);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(ran[i], i);
    finish(&queue);
    CU_ASSERT_EQUAL(dropped_count, 0);
}

static void drops_at_the_stop(void)
{
    prepare();
    struct event_queue *queue = event_queue_create();
    static struct numbered events[3];
    for (int i = 0; i < 3; i++)
        events[i] = (struct numbered){.event.run = run, .number = i};
    event_queue_put(queue, &events[0].event);
    CU_ASSERT_EQUAL(event_queue_start(queue, "test"), 0);
    wait_for(1);
    event_queue_put_later(queue, &events[1].event, 3600 * 1000);
    event_queue_stop(queue);
    CU_ASSERT_EQUAL(dropped_count, 1);
    event_queue_put(queue, &events[2].event);
    CU_ASSERT_EQUAL(dropped_count, 2);
    finish(&queue);
}

SUITE_MAIN("server/controller/event_queue", {"runs in order", runs_in_order}, {"drops at the stop", drops_at_the_stop})
