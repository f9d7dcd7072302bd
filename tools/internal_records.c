// SPDX-License-Identifier: Apache-2.0
#include "tools/internal_records.h"

#include "base/arena.h"
#include "net/protocol/message.h"
#include "net/protocol/messages.h"
#include "net/protocol/schema.h"

#include <inttypes.h>
#include <stdio.h>

struct internal_records {
    const char *class_name;
    const char *replaced_by; // of an old name, else NULL
    const struct message_schema *key, *value;
    int16_t key_version_min, key_version_max;
};

static const struct internal_records internal_records[] = {
    {"org.apache.kafka.tools.consumer.OffsetsMessageFormatter", NULL, &offset_commit_key_schema,
     &offset_commit_value_schema, 0, 1},
    {"org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter", NULL, &group_metadata_key_schema,
     &group_metadata_value_schema, 2, 2},
    {"org.apache.kafka.tools.consumer.TransactionLogMessageFormatter", NULL, &transaction_log_key_schema,
     &transaction_log_value_schema, 0, 0},
    {"kafka.coordinator.group.GroupMetadataManager$OffsetsMessageFormatter",
     "org.apache.kafka.tools.consumer.OffsetsMessageFormatter", &offset_commit_key_schema, &offset_commit_value_schema,
     0, 1},
};

// What one record's decoded fields may take.
static const size_t RECORD_MEMORY_MAX = 64 << 20;

const struct internal_records *internal_records_find(const char *class_name)
{
    for (size_t i = 0; i < sizeof internal_records / sizeof internal_records[0]; i++) {
        const struct internal_records *records = &internal_records[i];
        if (strcmp(records->class_name, class_name) != 0)
            continue;
        if (records->replaced_by)
            fprintf(stderr,
                    "WARNING: %s is deprecated and will be removed in the next major release. Please use %s instead\n",
                    class_name, records->replaced_by);
        return records;
    }
    return NULL;
}

static void add_string(struct deserializer_text *text, const char *string)
{
    for (; string && *string; string++)
        *array_append(text) = *string;
}

// Takes the version that stands in front and decodes the rest. Returns NULL for bytes that are none.
static void *decode(const struct message_schema *schema, struct view bytes, struct arena *arena, int16_t *version)
{
    void *message = arena_alloc(arena, schema->size);
    if (!message || bytes.size < 2)
        return NULL;
    *version = (int16_t)(bytes.data[0] << 8 | bytes.data[1]);
    struct view body = view_of(bytes.data + 2, bytes.size - 2);
    return message_decode(schema, *version, body, arena, message) == 0 ? message : NULL;
}

// "NAME":{"version":1,"data":{…}}
static bool add_json(struct deserializer_text *text, const char *name, const struct message_schema *schema,
                     struct view bytes, struct arena *arena)
{
    int16_t version;
    void *message = decode(schema, bytes, arena, &version);
    if (!message)
        return false;
    size_t size = message_print(schema, version, message, NULL, 0) + 1;
    char *json = arena_alloc(arena, size);
    if (!json)
        return false;
    message_print(schema, version, message, json, size);
    add_string(text, arena_format(arena, "\"%s\":{\"version\":%d,\"data\":", name, version));
    add_string(text, json);
    add_string(text, "}");
    return true;
}

static bool add_record(const struct internal_records *records, struct view key, struct view value, struct arena *arena,
                       struct deserializer_text *text)
{
    add_string(text, "{");
    if (!add_json(text, "key", records->key, key, arena))
        return false;
    add_string(text, ",");
    if (view_is_null(value))
        add_string(text, "\"value\":null");
    else if (!add_json(text, "value", records->value, value, arena))
        return false;
    add_string(text, "}");
    return true;
}

// The form that the old class has: [group,topic,partition]::OffsetAndMetadata(…)
static bool add_old_offset(struct view key, struct view value, struct arena *arena, struct deserializer_text *text)
{
    int16_t version;
    const struct offset_commit_key *at = decode(&offset_commit_key_schema, key, arena, &version);
    if (!at)
        return false;
    add_string(text, arena_format(arena, "[%.*s,%.*s,%" PRId32 "]::", VIEW_ARGS(at->group), VIEW_ARGS(at->topic),
                                  at->partition));
    if (view_is_null(value)) {
        add_string(text, "NULL\n");
        return true;
    }
    const struct offset_commit_value *committed = decode(&offset_commit_value_schema, value, arena, &version);
    if (!committed)
        return false;
    const char *epoch = committed->leader_epoch < 0
                            ? "Optional.empty"
                            : arena_format(arena, "Optional[%" PRId32 "]", committed->leader_epoch);
    const char *expires = committed->expire_timestamp < 0
                              ? "None"
                              : arena_format(arena, "Some(%" PRId64 ")", committed->expire_timestamp);
    add_string(text, arena_format(arena,
                                  "OffsetAndMetadata(offset=%" PRId64 ", leaderEpoch=%s, metadata=%.*s, "
                                  "commitTimestamp=%" PRId64 ", expireTimestamp=%s)\n",
                                  committed->offset, epoch, VIEW_ARGS(committed->metadata), committed->commit_timestamp,
                                  expires));
    return true;
}

bool internal_records_append(const struct internal_records *records, struct view key, struct view value,
                             struct deserializer_text *text, char **error)
{
    if (key.size < 2)
        return true;
    int16_t version = (int16_t)(key.data[0] << 8 | key.data[1]);
    if (version < records->key_version_min || version > records->key_version_max)
        return true;
    struct arena arena;
    arena_init(&arena, RECORD_MEMORY_MAX);
    size_t before = text->count;
    bool ok =
        records->replaced_by ? add_old_offset(key, value, &arena, text) : add_record(records, key, value, &arena, text);
    arena_fini(&arena);
    if (!ok) {
        text->count = before;
        *error = memory_copy_string("The record is none of an internal topic");
    }
    return ok;
}
