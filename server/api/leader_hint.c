// SPDX-License-Identifier: Apache-2.0
#include "server/api/leader_hint.h"

#include "net/endpoint.h"
#include "net/request.h"

struct partition_leader leader_hint(const struct metadata_snapshot *snapshot, struct view topic, int32_t partition,
                                    struct partition_leader known)
{
    if (known.id != PARTITION_NO_LEADER)
        return known;
    const struct metadata_topic *found = metadata_snapshot_topic(snapshot, topic);
    const struct metadata_partition *state = found == NULL ? NULL : metadata_topic_partition(found, partition);
    return state == NULL ? known : (struct partition_leader){state->leader, state->leader_epoch};
}

const struct metadata_broker *leader_hint_broker(const struct metadata_snapshot *snapshot, int32_t id,
                                                 const struct request *request,
                                                 const struct metadata_endpoint **endpoint)
{
    const struct metadata_broker *broker = metadata_snapshot_broker(snapshot, id);
    *endpoint = broker == NULL ? NULL : metadata_broker_endpoint(broker, request->listener->listener_name);
    return *endpoint == NULL ? NULL : broker;
}
