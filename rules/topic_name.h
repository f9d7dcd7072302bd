// SPDX-License-Identifier: Apache-2.0
// What a topic may be called. Pure functions.
#ifndef RULES_TOPIC_NAME_H
#define RULES_TOPIC_NAME_H

#include "base/view.h"

#include <stdbool.h>

enum { TOPIC_NAME_SIZE_MAX = 249 };

#define TOPIC_NAME_OFFSETS "__consumer_offsets"
#define TOPIC_NAME_TRANSACTIONS "__transaction_state"

// NULL when the name is legal, else a new text for people in Kafka's words (free() it): "Topic name is invalid: the
// empty string is not allowed", …
char *topic_name_check(struct view name);
bool topic_name_is_valid(struct view name);

// The topics that coordinators keep their state in.
bool topic_name_is_internal(struct view name);

// Metric names turn '.' into '_', so that two names that differ only in these collide.
bool topic_name_has_collision_chars(struct view name);
bool topic_name_collides(struct view a, struct view b);

#endif
