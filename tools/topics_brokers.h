// SPDX-License-Identifier: Apache-2.0
// kafka-topics --bootstrap-server: each action through the brokers, as Kafka 3.9's program does it. Confined to the
// main thread.
#ifndef TOOLS_TOPICS_BROKERS_H
#define TOOLS_TOPICS_BROKERS_H

#include "tools/admin_client.h"
#include "tools/topic_arguments.h"

// Does what the command line asks for and prints it. Returns false with the failure.
bool topics_brokers_run(struct admin_client *client, struct topic_arguments *arguments, struct failure *failure)
    __attribute__((warn_unused_result));

#endif
