// SPDX-License-Identifier: Apache-2.0
// A purgatory parks operations that cannot be answered yet under the keys of what they wait for (a partition, a topic,
// a group), with a deadline. Whoever changes the state behind a key calls purgatory_check: the operations that have
// become ready are completed by that thread; those whose deadline passes by the timer's.
//
// Rules:
// 1. purgatory_watch and purgatory_check are called with no lock held that is_ready or complete take (partition, log,
//    group …): change the state, release its lock, then check the key. Both callbacks run with no lock of the
//    purgatory.
// 2. is_ready never runs twice at once for one operation, and never together with or after complete.
// 3. complete runs exactly once. It answers; the operation's memory (a request's arena, say) may be gone afterwards.
// 4. How many can be parked is bounded by whoever parks: a connection has one request under way, a member one join.
// All functions are safe from every thread.
#ifndef SERVER_PURGATORY_H
#define SERVER_PURGATORY_H

#include "base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct purgatory;
struct timer;

enum delayed_end {
    DELAYED_READY,   // is_ready said so
    DELAYED_EXPIRED, // the deadline passed, or the broker shuts down
};

struct delayed_calls {
    // Whether the operation can be answered now. Takes locks of the state that it looks at; may be called often.
    bool (*is_ready)(void *operation);
    void (*complete)(void *operation, enum delayed_end end);
};

// The name is for the log ("Produce"). The timer must outlive the purgatory.
struct purgatory *purgatory_create(const char *name, struct timer *timer);

// Completes what is still parked as expired (purgatory_close), then frees. No other thread may use it any more.
void purgatory_destroy(struct purgatory **purgatory);

// Completes what is parked as expired; what is watched from now on completes at once. For the broker's shutdown.
void purgatory_close(struct purgatory *purgatory);

// Completes the operation at once if it is ready or delay_ms <= 0, else parks it for delay_ms under each of the keys
// (copied). Returns true when it was completed, by whomever, before this returned. After the call the operation belongs
// to the purgatory until complete.
bool purgatory_watch(struct purgatory *purgatory, const struct delayed_calls *calls, void *operation,
                     const struct view *keys, size_t key_count, int64_t delay_ms);

// Completes the operations under the key that are ready. Returns how many. Cheap when nothing waits for the key.
size_t purgatory_check(struct purgatory *purgatory, struct view key);

// How many operations are parked (PurgatorySize).
size_t purgatory_count(struct purgatory *purgatory);

#endif
