// SPDX-License-Identifier: Apache-2.0
// What the format readers and writers share around jansson. A reader has a sticky failure; jansson itself refuses
// invalid UTF-8, zeros in strings and numbers beyond 64 bits, and bounds the depth.
#ifndef ZK_JSON_H
#define ZK_JSON_H

#include "zk/formats.h"

#include <jansson.h>

// Sets a key; a NULL value (a string that is not UTF-8) makes the writer fail.
struct json_writer {
    bool failed;
};
void json_put(struct json_writer *writer, json_t *object, const char *key, json_t *value);
void json_add(struct json_writer *writer, json_t *array, json_t *value);
json_t *json_int_list(struct json_writer *writer, struct zk_int_list list);

// The text in the arena, compact, keys in the order they were put; null view if the writer failed. Frees root.
struct view json_print(struct json_writer *writer, struct arena *arena, json_t *root);

struct json_reader {
    struct arena *arena; // may be NULL for formats without memory
    enum zk_result result;
};

// The top-level object, to be freed with json_decref(), or NULL with the result set.
json_t *json_parse(struct json_reader *reader, struct view json);

// Members of an object (which may be NULL after a failure); what is missing or has another type or range makes the
// reader fail. The _or forms give the default only when the key is missing or null.
int64_t json_get_int(struct json_reader *reader, const json_t *object, const char *key, int64_t min, int64_t max);
int64_t json_get_int_or(struct json_reader *reader, const json_t *object, const char *key, int64_t min, int64_t max,
                        int64_t missing);
const char *json_get_string(struct json_reader *reader, const json_t *object, const char *key);
const char *json_get_string_or_null(struct json_reader *reader, const json_t *object, const char *key);
const json_t *json_get_array(struct json_reader *reader, const json_t *object, const char *key);
const json_t *json_get_object_or_null(struct json_reader *reader, const json_t *object, const char *key);

const char *json_copy_text(struct json_reader *reader, const char *text);
const char *json_copy_string(struct json_reader *reader, const json_t *string);
struct zk_int_list json_copy_ints(struct json_reader *reader, const json_t *array); // broker ids: 0 and above
void *json_alloc(struct json_reader *reader, size_t count, size_t size);
void json_fail(struct json_reader *reader);

// Decimal digits of a whole string, with a sign for negative numbers.
bool json_parse_decimal(const char *text, int64_t min, int64_t max, int64_t *number);

// Where a key stands in a hash table of Java (ConcurrentHashMap) or Scala (mutable.HashMap) with that many entries:
// Kafka writes maps in this order.
size_t json_java_slot(const char *key, size_t count);

#endif
