// SPDX-License-Identifier: Apache-2.0
// Incremental fetch sessions (KIP-227, topic ids: KIP-516): the broker remembers what a consumer or follower fetches
// and what it last told it, so that a request names only what changed and an answer only what is new. At most
// max.incremental.fetch.session.cache.slots sessions, with 1000 partitions each on average; who finds no room fetches
// without one.
//
// A session has its own lock (FETCH_SESSION), the cache another one below it (FETCH_SESSION_CACHE). A fetch context is
// confined to the request that began it: fetch_session_begin, fetch_session_end at most once, fetch_session_release
// once.
#ifndef SERVER_REPLICA_FETCH_SESSION_H
#define SERVER_REPLICA_FETCH_SESSION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/uuid.h"
#include "base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch_session;
struct fetch_session_cache;

// One partition to fetch, as the request or the session says.
struct fetch_partition {
    struct view topic;    // null while the id is not known to the metadata cache
    struct uuid topic_id; // zero below version 13
    int32_t index;
    int32_t current_leader_epoch; // -1 when the fetcher names none
    int32_t last_fetched_epoch;   // -1 likewise
    int32_t size_max;
    int64_t offset;
    int64_t log_start_offset; // of a follower, else -1
};

// What a fetch asks of the sessions.
struct fetch_session_request {
    int32_t session_id;
    int32_t epoch; // 0 begins a session, -1 goes without (and ends session_id's), others go on
    bool uses_topic_ids;
    bool is_follower;
    const struct fetch_partition *partitions;
    int32_t partition_count;
    const struct fetch_partition *forgotten; // only topic, topic_id and index count
    int32_t forgotten_count;
    // Finds the name of a topic id, or leaves null: for partitions of the session whose id was not known before. The
    // view must live as long as the arena.
    struct view (*topic_name)(void *context, struct uuid topic_id);
    void *context;
};

// What was found of one partition: decides whether an incremental answer names it.
struct fetch_outcome {
    enum kafka_error error;
    int64_t high_watermark;
    int64_t log_start_offset;
    size_t records_size;
    bool must_be_told; // a diverging epoch
};

// All that is to be fetched, in the order in which it is served. Views live until it is released.
struct fetch_context {
    struct fetch_partition *partitions;
    int32_t count;

    struct fetch_session_cache *cache; // the session layer's own from here on
    struct fetch_session *session;     // of an incremental fetch, with a reference
    struct fetch_session_entry **entries;
    int32_t epoch;
    bool begins_session, uses_topic_ids, is_follower;
};

// slots: how many sessions at most; 0: none are ever given.
struct fetch_session_cache *fetch_session_cache_create(int32_t slots);
void fetch_session_cache_destroy(struct fetch_session_cache **cache);

// Fills the context. FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH and FETCH_SESSION_TOPIC_ID_ERROR are
// errors of the whole answer (which then names session 0), UNKNOWN_SERVER_ERROR when the arena is at its maximum; then
// there is no context.
enum kafka_error fetch_session_begin(struct fetch_session_cache *cache, const struct fetch_session_request *request,
                                     struct arena *arena, struct fetch_context *context)
    __attribute__((warn_unused_result));

// With one outcome per partition of the context: sets is_told (count of them) for those that the answer names, and
// *session_id for the answer. INVALID_FETCH_SESSION_EPOCH is of the whole answer: the session went on meanwhile; then
// the answer names no partition but the session.
enum kafka_error fetch_session_end(struct fetch_context *context, const struct fetch_outcome *outcomes, bool *is_told,
                                   int32_t *session_id) __attribute__((warn_unused_result));

// Gives back what the context holds of its session, after the answer was encoded or when there is none.
void fetch_session_release(struct fetch_context *context);

// For metrics.
size_t fetch_session_count(struct fetch_session_cache *cache);

#endif
