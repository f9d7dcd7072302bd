// SPDX-License-Identifier: Apache-2.0
// Producer ids for this broker, taken from blocks of 1,000 that the controller gives out (AllocateProducerIds, asked
// through the network also when this broker is the controller). The next block is asked for when the current one is
// used up to nine tenths.
#ifndef SERVER_CONTROLLER_PRODUCER_ID_MANAGER_H
#define SERVER_CONTROLLER_PRODUCER_ID_MANAGER_H

#include "base/error.h"

#include <stdint.h>

struct broker;
struct producer_id_manager;

struct producer_id_manager *producer_id_manager_create(struct broker *broker);
int producer_id_manager_start(struct producer_id_manager *manager) __attribute__((warn_unused_result));

// Interrupts a call that is under way and ends the thread.
void producer_id_manager_stop(struct producer_id_manager *manager);
void producer_id_manager_destroy(struct producer_id_manager **manager);

// The next id, or COORDINATOR_LOAD_IN_PROGRESS while there is none. Any thread; never waits.
enum kafka_error producer_id_manager_next(struct producer_id_manager *manager, int64_t *producer_id)
    __attribute__((warn_unused_result));

#endif
