// SPDX-License-Identifier: Apache-2.0
#include "zk/result.h"

const char *zk_result_name(enum zk_result result)
{
    static const char *const names[] = {
        [ZK_OK] = "OK",
        [ZK_NO_NODE] = "NO_NODE",
        [ZK_NODE_EXISTS] = "NODE_EXISTS",
        [ZK_BAD_VERSION] = "BAD_VERSION",
        [ZK_NOT_EMPTY] = "NOT_EMPTY",
        [ZK_NO_AUTH] = "NO_AUTH",
        [ZK_FENCED] = "FENCED",
        [ZK_NOT_TRIED] = "NOT_TRIED",
        [ZK_SESSION_EXPIRED] = "SESSION_EXPIRED",
        [ZK_CLOSED] = "CLOSED",
        [ZK_TIMED_OUT] = "TIMED_OUT",
        [ZK_BAD_DATA] = "BAD_DATA",
        [ZK_TOO_LARGE] = "TOO_LARGE",
        [ZK_FAILED] = "FAILED",
    };
    return names[result];
}

enum kafka_error zk_result_to_kafka_error(enum zk_result result)
{
    switch (result) {
    case ZK_OK:
        return KAFKA_NONE;
    case ZK_NO_NODE:
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    case ZK_NODE_EXISTS:
        return KAFKA_TOPIC_ALREADY_EXISTS;
    case ZK_NO_AUTH:
        return KAFKA_CLUSTER_AUTHORIZATION_FAILED;
    case ZK_FENCED:
        return KAFKA_NOT_CONTROLLER;
    case ZK_BAD_VERSION:
    case ZK_NOT_TRIED:
    case ZK_SESSION_EXPIRED:
    case ZK_CLOSED:
    case ZK_TIMED_OUT:
        return KAFKA_REQUEST_TIMED_OUT;
    case ZK_NOT_EMPTY:
    case ZK_BAD_DATA:
    case ZK_TOO_LARGE:
    case ZK_FAILED:
        break;
    }
    return KAFKA_UNKNOWN_SERVER_ERROR;
}
