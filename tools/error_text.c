// SPDX-License-Identifier: Apache-2.0
#include "tools/error_text.h"

#include "base/error.h"

#include <stddef.h>

static const struct {
    int16_t code;
    const char *text;
} error_texts[] = {
    {KAFKA_UNKNOWN_SERVER_ERROR, "The server experienced an unexpected error when processing the request."},
    {KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."},
    {KAFKA_LEADER_NOT_AVAILABLE,
     "There is no leader for this topic-partition as we are in the middle of a leadership election."},
    {KAFKA_REQUEST_TIMED_OUT, "The request timed out."},
    {KAFKA_MESSAGE_TOO_LARGE,
     "The request included a message larger than the max message size the server will accept."},
    {KAFKA_INVALID_TOPIC_EXCEPTION, "The request attempted to perform an operation on an invalid topic."},
    {KAFKA_RECORD_LIST_TOO_LARGE,
     "The request included message batch larger than the configured segment size on the server."},
    {KAFKA_NOT_ENOUGH_REPLICAS, "Messages are rejected since there are fewer in-sync replicas than required."},
    {KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
     "Messages are written to the log, but to fewer in-sync replicas than required."},
    {KAFKA_INVALID_TIMESTAMP, "The timestamp of the message is out of acceptable range."},
    {KAFKA_TOPIC_AUTHORIZATION_FAILED, "Topic authorization failed."},
    {KAFKA_CLUSTER_AUTHORIZATION_FAILED, "Cluster authorization failed."},
    {KAFKA_TOPIC_ALREADY_EXISTS, "Topic with this name already exists."},
    {KAFKA_INVALID_PARTITIONS, "Number of partitions is below 1."},
    {KAFKA_INVALID_REPLICATION_FACTOR, "Replication factor is below 1 or larger than the number of available brokers."},
    {KAFKA_INVALID_REPLICA_ASSIGNMENT, "Replica assignment is invalid."},
    {KAFKA_INVALID_CONFIG, "Configuration is invalid."},
    {KAFKA_NOT_CONTROLLER, "This is not the correct controller for this cluster."},
    {KAFKA_INVALID_REQUEST,
     "This most likely occurs because of a request being malformed by the client library or the message was sent to "
     "an incompatible broker. See the broker logs for more details."},
    {KAFKA_UNSUPPORTED_VERSION, "The version of API is not supported."},
    {KAFKA_POLICY_VIOLATION, "Request parameters do not satisfy the configured policy."},
    {KAFKA_KAFKA_STORAGE_ERROR, "Disk error when trying to access log file on the disk."},
    {KAFKA_REASSIGNMENT_IN_PROGRESS, "A partition reassignment is in progress."},
    {KAFKA_TOPIC_DELETION_DISABLED, "Topic deletion is disabled."},
    {KAFKA_INVALID_RECORD, "This record has failed the validation on broker and hence will be rejected."},
    {KAFKA_UNSUPPORTED_COMPRESSION_TYPE,
     "The requesting client does not support the compression type of given partition."},
};

const char *error_text(int16_t code)
{
    for (size_t i = 0; i < sizeof error_texts / sizeof error_texts[0]; i++) {
        if (error_texts[i].code == code)
            return error_texts[i].text;
    }
    return NULL;
}
