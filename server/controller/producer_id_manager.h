// SPDX-License-Identifier: Apache-2.0
// Producer ids for this broker, taken from blocks of 1,000 that the controller gives out (AllocateProducerIds, asked
// through the network also when this broker is the controller). The next block is asked for when the current one is
// used up to nine tenths.
#ifndef SERVER_CONTROLLER_PRODUCER_ID_MANAGER_H
#define SERVER_CONTROLLER_PRODUCER_ID_MANAGER_H

struct broker;
struct producer_id_manager;
struct producer_id_wait;

struct producer_id_manager *producer_id_manager_create(struct broker *broker);
int producer_id_manager_start(struct producer_id_manager *manager) __attribute__((warn_unused_result));

// Interrupts a call that is under way and ends the thread; nobody waits any more.
void producer_id_manager_stop(struct producer_id_manager *manager);
void producer_id_manager_destroy(struct producer_id_manager **manager);

// The next id, as controller_take_producer_id. Any thread; never waits.
void producer_id_manager_take(struct producer_id_manager *manager, struct producer_id_wait *wait);

#endif
