// SPDX-License-Identifier: Apache-2.0
// A fetch under way, shared by the two halves of its handler: what is read (fetch_read.c) and what is asked and
// answered (fetch.c). Confined to the request's thread, then to the purgatory's rules.
#ifndef SERVER_API_FETCH_H
#define SERVER_API_FETCH_H

#include "log/log_slice.h"
#include "net/send_list.h"
#include "server/replica/fetch_session.h"
#include "server/replica/partition.h"

struct broker;
struct metadata_snapshot;
struct request;

// A slice of a log as a source that can put itself on a socket.
struct slice_source {
    struct send_source source; // first
    struct log_slice slice;
};

// What was read of one partition.
struct fetch_read {
    struct partition *partition; // a reference, or NULL with the error of why nothing can be read
    enum kafka_error error;
    struct log_offsets offsets; // all -1 on an error
    struct partition_divergence divergence;
    struct slice_source records;
};

struct fetch {
    struct broker *broker;
    struct request *request;
    const struct fetch_request *message;
    const struct metadata_snapshot *snapshot; // a reference, held by the arena
    struct fetch_context context;
    struct fetch_read *reads; // one per partition of the context; their slices are held by the arena
    int32_t replica_id;       // -1: a consumer
    bool poses_as_replica;    // came where no broker would
    enum log_read_bound bound;
    size_t size_min, size_max;
};

// Finds the partitions of the context. Returns false when the arena is at its maximum.
bool fetch_find_partitions(struct fetch *fetch);

// Reads all partitions, in order, within size_max; what was read before is given back. Returns whether the answer need
// not wait: size_min is reached, or there is an error or a divergence to tell.
bool fetch_read_all(struct fetch *fetch);

// Whether fetch_read_all would find enough now; reads no records.
bool fetch_is_ready(const struct fetch *fetch);

// Gives the references to partitions back; the slices stay until the arena is freed.
void fetch_release_partitions(struct fetch *fetch);

#endif
