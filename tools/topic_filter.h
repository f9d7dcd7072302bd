// SPDX-License-Identifier: Apache-2.0
// Choosing topics by a Java regular expression, as Kafka's programs do: the whole name must match. Confined to one
// thread.
#ifndef TOOLS_TOPIC_FILTER_H
#define TOOLS_TOPIC_FILTER_H

#include <regex.h>
#include <stdbool.h>

// The expression as a POSIX extended one with ^( )$ around it, to be freed. Returns NULL with a message in error, as
// Java's PatternSyntaxException has it, for what is no expression, or one that has no counterpart (look-around, back
// references).
char *topic_filter_translate(const char *expression, char **error);

struct topic_filter {
    regex_t regex;
};

// A list as --topic takes it: "t1,t.*" (blanks and quotes are dropped). Returns false with a message in error.
bool topic_filter_init(struct topic_filter *filter, const char *list, char **error) __attribute__((warn_unused_result));
void topic_filter_fini(struct topic_filter *filter);
bool topic_filter_matches(const struct topic_filter *filter, const char *topic);

#endif
