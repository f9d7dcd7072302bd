// SPDX-License-Identifier: Apache-2.0
// Who leads instead of this broker, for answers that tell it (KIP-951). Pure functions of a metadata snapshot.
#ifndef SERVER_API_LEADER_HINT_H
#define SERVER_API_LEADER_HINT_H

#include "server/metadata_cache.h"
#include "server/replica/partition.h"

#include <stdint.h>

struct request;

// The leader: `known` if it names one, else what the snapshot says, else none.
struct partition_leader leader_hint(const struct metadata_snapshot *snapshot, struct view topic, int32_t partition,
                                    struct partition_leader known);

// The broker of that id and its endpoint on the listener that the request came in on; NULL when either is not known.
// The broker's data live as long as the snapshot.
const struct metadata_broker *leader_hint_broker(const struct metadata_snapshot *snapshot, int32_t id,
                                                 const struct request *request,
                                                 const struct metadata_endpoint **endpoint);

#endif
