// SPDX-License-Identifier: Apache-2.0
// broker.id and cluster.id: what the configuration, ZooKeeper and the log directories say must agree.
#include "base/logger.h"
#include "base/memory.h"
#include "server/broker.h"
#include "server/broker_parts.h"
#include "server/config/config.h"
#include "zk/znodes.h"

#include <string.h>

static const char *first_directory(struct broker *broker)
{
    size_t count;
    return config_log_directories(broker->config, &count)[0];
}

bool broker_check_stored_id(struct broker *broker, const struct log_identity *stored)
{
    int32_t configured = config_broker_id(broker->config);
    if (!stored->is_known || stored->broker_id < 0 || configured < 0 || stored->broker_id == configured)
        return true;
    logger_fatal(
        "Stored node id %d doesn't match previous node id %d in %s/meta.properties. If you moved your data, make "
        "sure your configured node id matches. If you intend to create a new node, you should remove all data "
        "in your data directories.",
        stored->broker_id, configured, first_directory(broker));
    return false;
}

static bool identify_cluster(struct broker *broker, const struct log_identity *stored)
{
    char id[sizeof stored->cluster_id];
    enum zk_result result = zk_cluster_id_get_or_create(broker->zk, id, sizeof id);
    if (result != ZK_OK) {
        logger_fatal("Cannot read the cluster's id from ZooKeeper: %s.", zk_result_name(result));
        return false;
    }
    if (stored->is_known && stored->cluster_id[0] != 0 && strcmp(stored->cluster_id, id) != 0) {
        logger_fatal(
            "Invalid cluster.id in: %s/meta.properties. Expected %s, but read %s. The log directory belongs to "
            "another cluster than the one in ZooKeeper: either zookeeper.connect names the wrong ZooKeeper, or "
            "only one of the two was deleted. To keep the data, bring back the ZooKeeper that it belongs to; "
            "to start empty, delete the log directory as well.",
            first_directory(broker), id, stored->cluster_id);
        return false;
    }
    broker->cluster_id = memory_copy_string(id);
    logger_info("Cluster ID = %s", broker->cluster_id);
    return true;
}

static bool identify_broker(struct broker *broker, const struct log_identity *stored)
{
    int32_t id = config_broker_id(broker->config);
    if (id < 0 && stored->is_known)
        id = stored->broker_id;
    if (id < 0) {
        int32_t reserved = config_int(broker->config, OPTION_RESERVED_BROKER_MAX_ID);
        enum zk_result result = zk_generate_broker_id(broker->zk, reserved, &id);
        if (result != ZK_OK) {
            logger_fatal("Cannot get a broker.id from ZooKeeper: %s.", zk_result_name(result));
            return false;
        }
        logger_info("Generated broker.id %d.", id);
    }
    config_set_broker_id(broker->config, id);
    broker->id = id;
    return true;
}

bool broker_identify(struct broker *broker, const struct log_identity *stored)
{
    return identify_cluster(broker, stored) && identify_broker(broker, stored);
}
