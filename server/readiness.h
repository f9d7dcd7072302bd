// SPDX-License-Identifier: Apache-2.0
// Whether the broker knows the cluster yet. After its start it does once the controller has told it of itself and, when
// ZooKeeper has topics, of topics. Until then requests that are answered from the metadata cache are held, for a while
// at most, so that a client that was waiting for the start does not take "unknown topic" for the truth. All functions
// are safe from every thread.
#ifndef SERVER_READINESS_H
#define SERVER_READINESS_H

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct readiness;
struct request;

// The broker's metadata cache and timer must exist and outlive it.
struct readiness *readiness_create(struct broker *broker);
void readiness_destroy(struct readiness **readiness); // after readiness_close

// ZooKeeper has topics: they are waited for. Before the broker serves.
void readiness_expect_topics(struct readiness *readiness);

// Holds the request if the broker does not know the cluster yet and the API is answered from what it knows; then
// resume(broker, request, message) is called, once, when it does or after some seconds, from any thread, also before
// this returns. False: not held, go on.
bool readiness_hold(struct readiness *readiness, struct request *request, const void *message,
                    void (*resume)(struct broker *broker, struct request *request, const void *message));

// Waits until the broker knows the cluster, as long as requests are held at most. Returns whether it does.
bool readiness_wait(struct readiness *readiness);

// Resumes all and holds nothing more: before the parts stop that handlers use.
void readiness_close(struct readiness *readiness);

#endif
