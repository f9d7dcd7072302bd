// SPDX-License-Identifier: Apache-2.0
// The group coordinator of a running broker: its settings from the configuration, its log from the replica manager.
#ifndef SERVER_GROUP_GROUP_SERVICE_H
#define SERVER_GROUP_GROUP_SERVICE_H

struct broker;

// Makes broker->group_coordinator, has it told by the replica manager which partitions of __consumer_offsets are led
// here (so it must be called before replica_manager_start), and schedules the expiry of offsets. Returns 0 or -errno.
// Ends with group_coordinator_stop and group_coordinator_destroy.
int group_service_start(struct broker *broker) __attribute__((warn_unused_result));

#endif
