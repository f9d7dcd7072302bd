// SPDX-License-Identifier: Apache-2.0
#include "server/purgatory.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/thread.h"
#include "base/timer.h"
#include "test/unit/suite.h"

#include <stdatomic.h>

// An operation that is ready once `state` has reached `wanted`; completed counts.
struct operation {
    atomic_int *state;
    int wanted;
    atomic_int is_busy; // in a callback now
    atomic_int completed;
    enum delayed_end end;
};

static bool is_ready(void *context)
{
    struct operation *operation = context;
    CU_ASSERT_EQUAL(atomic_fetch_add(&operation->is_busy, 1), 0); // never two callbacks at once
    CU_ASSERT_EQUAL(operation->completed, 0);
    bool result = *operation->state >= operation->wanted;
    atomic_fetch_sub(&operation->is_busy, 1);
    return result;
}

static void complete(void *context, enum delayed_end end)
{
    struct operation *operation = context;
    CU_ASSERT_EQUAL(atomic_fetch_add(&operation->is_busy, 1), 0);
    operation->end = end;
    atomic_fetch_sub(&operation->is_busy, 1);
    atomic_fetch_add(&operation->completed, 1);
}

static const struct delayed_calls calls = {is_ready, complete};

struct fixture {
    struct timer *timer;
    struct purgatory *purgatory;
    atomic_int state;
};

static void set_up(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    CU_ASSERT_EQUAL_FATAL(timer_start("timer", &fixture->timer), 0);
    fixture->purgatory = purgatory_create("Test", fixture->timer);
}

static void tear_down(struct fixture *fixture)
{
    purgatory_destroy(&fixture->purgatory);
    timer_destroy(&fixture->timer);
}

enum { LONG_MS = 3600 * 1000 };

static const struct view a = {(const uint8_t *)"a", 1}, b = {(const uint8_t *)"b", 1};

static void completes_at_once(void)
{
    struct fixture fixture;
    set_up(&fixture);
    struct operation ready = {.state = &fixture.state, .wanted = 0}, late = {.state = &fixture.state, .wanted = 1};
    CU_ASSERT(purgatory_watch(fixture.purgatory, &calls, &ready, &a, 1, LONG_MS));
    CU_ASSERT_EQUAL(ready.completed, 1);
    CU_ASSERT_EQUAL(ready.end, DELAYED_READY);
    CU_ASSERT(purgatory_watch(fixture.purgatory, &calls, &late, &a, 1, 0));
    CU_ASSERT_EQUAL(late.completed, 1);
    CU_ASSERT_EQUAL(late.end, DELAYED_EXPIRED);
    CU_ASSERT_EQUAL(purgatory_count(fixture.purgatory), 0);
    tear_down(&fixture);
}

static void completes_by_any_of_its_keys(void)
{
    struct fixture fixture;
    set_up(&fixture);
    struct view keys[] = {a, b};
    struct operation both = {.state = &fixture.state, .wanted = 1}, only_a = {.state = &fixture.state, .wanted = 2};
    CU_ASSERT_FALSE(purgatory_watch(fixture.purgatory, &calls, &both, keys, 2, LONG_MS));
    CU_ASSERT_FALSE(purgatory_watch(fixture.purgatory, &calls, &only_a, &a, 1, LONG_MS));
    CU_ASSERT_EQUAL(purgatory_check(fixture.purgatory, b), 0);
    CU_ASSERT_EQUAL(purgatory_count(fixture.purgatory), 2);
    fixture.state = 1;
    CU_ASSERT_EQUAL(purgatory_check(fixture.purgatory, b), 1);
    CU_ASSERT_EQUAL(both.completed, 1);
    CU_ASSERT_EQUAL(purgatory_check(fixture.purgatory, b), 0);
    CU_ASSERT_EQUAL(purgatory_check(fixture.purgatory, a), 0);
    fixture.state = 2;
    CU_ASSERT_EQUAL(purgatory_check(fixture.purgatory, a), 1);
    CU_ASSERT_EQUAL(only_a.completed, 1);
    CU_ASSERT_EQUAL(timer_count(fixture.timer), 0);
    tear_down(&fixture);
}

static void expires(void)
{
    struct fixture fixture;
    set_up(&fixture);
    struct operation operation = {.state = &fixture.state, .wanted = 1};
    purgatory_watch(fixture.purgatory, &calls, &operation, &a, 1, 1);
    while (operation.completed == 0)
        sched_yield();
    CU_ASSERT_EQUAL(operation.end, DELAYED_EXPIRED);
    tear_down(&fixture);
}

static void closing_completes_what_is_parked(void)
{
    struct fixture fixture;
    set_up(&fixture);
    struct operation parked = {.state = &fixture.state, .wanted = 1}, late = {.state = &fixture.state, .wanted = 1};
    purgatory_watch(fixture.purgatory, &calls, &parked, &a, 1, LONG_MS);
    purgatory_close(fixture.purgatory);
    CU_ASSERT_EQUAL(parked.completed, 1);
    CU_ASSERT_EQUAL(parked.end, DELAYED_EXPIRED);
    CU_ASSERT(purgatory_watch(fixture.purgatory, &calls, &late, &a, 1, LONG_MS));
    CU_ASSERT_EQUAL(late.completed, 1);
    tear_down(&fixture);
}

// ---- Many threads watch, change the state, check and let deadlines pass; each operation is completed once.

enum { ROUNDS = 300, PARKED = 8 };

struct racer {
    struct fixture *fixture;
    struct thread thread;
    struct operation operations[ROUNDS][PARKED];
};

static void race(void *context)
{
    struct racer *racer = context;
    struct fixture *fixture = racer->fixture;
    struct view keys[] = {a, b};
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PARKED; i++) {
            struct operation *operation = &racer->operations[round][i];
            operation->state = &fixture->state;
            operation->wanted = atomic_load(&fixture->state) + 1 + i % 3;
            purgatory_watch(fixture->purgatory, &calls, operation, keys, 1 + i % 2, i == 0 ? 1 : LONG_MS);
        }
        atomic_fetch_add(&fixture->state, 1);
        purgatory_check(fixture->purgatory, round % 2 ? a : b);
    }
}

static void races_complete_everything_once(void)
{
    static struct racer racers[4];
    struct fixture fixture;
    set_up(&fixture);
    for (size_t i = 0; i < 4; i++) {
        racers[i].fixture = &fixture;
        CU_ASSERT_EQUAL_FATAL(thread_start(&racers[i].thread, race, &racers[i], "racer-%zu", i), 0);
    }
    for (size_t i = 0; i < 4; i++)
        thread_join(&racers[i].thread);
    fixture.state += 10;
    purgatory_check(fixture.purgatory, a);
    purgatory_check(fixture.purgatory, b);
    CU_ASSERT_EQUAL(purgatory_count(fixture.purgatory), 0);
    tear_down(&fixture);
    int wrong = 0;
    for (size_t i = 0; i < 4 * ROUNDS * PARKED; i++)
        wrong += racers[i / (ROUNDS * PARKED)].operations[i / PARKED % ROUNDS][i % PARKED].completed != 1;
    CU_ASSERT_EQUAL(wrong, 0);
}

SUITE_MAIN("server/purgatory", {"completes at once what is ready or has no time", completes_at_once},
           {"completes by any of its keys", completes_by_any_of_its_keys}, {"expires", expires},
           {"closing completes what is parked", closing_completes_what_is_parked},
           {"races complete everything once", races_complete_everything_once})
