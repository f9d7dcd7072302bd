// SPDX-License-Identifier: Apache-2.0
// kafka-topics --zookeeper: each action by reading and writing znodes, as Kafka 2.8's program does it; the controller
// acts on what was written. Confined to the main thread.
#ifndef TOOLS_TOPICS_ZOOKEEPER_H
#define TOOLS_TOPICS_ZOOKEEPER_H

#include "tools/topic_arguments.h"

// connect: "host:port,host:port/chroot". Does what the command line asks for and prints it. Returns false with the
// failure; ends the process with code 1 when no ZooKeeper answers within 30 seconds.
bool topics_zookeeper_run(const char *connect, struct topic_arguments *arguments, struct failure *failure)
    __attribute__((warn_unused_result));

#endif
