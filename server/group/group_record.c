// SPDX-License-Identifier: Apache-2.0
// The records of __consumer_offsets: keys of version 1 (offset) and 2 (group), values of version 3, as a broker of
// inter.broker.protocol.version 2.3 and above writes them. All versions are read.
#include "base/arena.h"
#include "base/big_endian.h"
#include "base/memory.h"
#include "log/batch_builder.h"
#include "log/record.h"
#include "net/protocol/messages.h"
#include "server/group/group_internal.h"

#include <stdlib.h>

enum {
    OFFSET_KEY_VERSION_MAX = 1,
    OFFSET_KEY_VERSION = 1,
    OFFSET_VALUE_VERSION = 3,
    GROUP_KEY_VERSION = 2,
    GROUP_VALUE_VERSION = 3
};

// What one record may take in memory while it is made or read.
#define RECORD_ARENA_MAX (256 * 1024 * 1024)

struct batch_builder *group_batch_create(const struct group *group)
{
    int32_t codec = group_coordinator_settings(group->coordinator)->compression_codec;
    struct batch_header header = {.leader_epoch = -1, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
    return batch_builder_create(&header, (enum compression_codec)codec, COMPRESSION_LEVEL_DEFAULT);
}

static void append_message(struct batch_builder *builder, int64_t now_ms, const struct message_schema *key_schema,
                           int16_t key_version, const void *key, const struct message_schema *value_schema,
                           int16_t value_version, const void *value)
{
    struct arena arena;
    struct view key_bytes, value_bytes = VIEW_NULL;
    arena_init(&arena, RECORD_ARENA_MAX);
    int result = message_encode_bytes(key_schema, key_version, key, &arena, true, &key_bytes);
    if (result == 0 && value != NULL)
        result = message_encode_bytes(value_schema, value_version, value, &arena, true, &value_bytes);
    if (result == 0) // else the record is too large for any log: group_batch_write reports the batch without it
        batch_builder_append(builder, now_ms, key_bytes, value_bytes, VIEW_NULL, 0);
    arena_fini(&arena);
}

static struct offset_commit_key offset_key(const struct group *group, const struct group_offset *offset)
{
    return (struct offset_commit_key){
        .group = view_of_string(group->id), .topic = view_of_string(offset->topic), .partition = offset->partition};
}

void group_batch_add_offset(struct batch_builder *builder, const struct group *group, const struct group_offset *offset,
                            int64_t now_ms)
{
    struct offset_commit_key key = offset_key(group, offset);
    struct offset_commit_value value = offset_commit_value_default;
    value.offset = offset->offset;
    value.leader_epoch = offset->leader_epoch;
    value.metadata = offset->metadata;
    value.commit_timestamp = offset->commit_timestamp_ms;
    // An explicit retention is only in version 1 (KIP-211).
    int16_t version = OFFSET_VALUE_VERSION;
    if (offset->expire_timestamp_ms >= 0) {
        version = 1;
        value.expire_timestamp = offset->expire_timestamp_ms;
        value.leader_epoch = -1;
    }
    append_message(builder, now_ms, &offset_commit_key_schema, OFFSET_KEY_VERSION, &key, &offset_commit_value_schema,
                   version, &value);
}

void group_batch_add_offset_removed(struct batch_builder *builder, const struct group *group,
                                    const struct group_offset *offset, int64_t now_ms)
{
    struct offset_commit_key key = offset_key(group, offset);
    append_message(builder, now_ms, &offset_commit_key_schema, OFFSET_KEY_VERSION, &key, NULL, 0, NULL);
}

void group_batch_add_group_removed(struct batch_builder *builder, const struct group *group, int64_t now_ms)
{
    struct group_metadata_key key = {.group = view_of_string(group->id)};
    append_message(builder, now_ms, &group_metadata_key_schema, GROUP_KEY_VERSION, &key, NULL, 0, NULL);
}

void group_batch_add_metadata(struct batch_builder *builder, struct group *group, int64_t now_ms)
{
    struct group_metadata_key key = {.group = view_of_string(group->id)};
    struct group_metadata_value value = group_metadata_value_default;
    value.protocol_type = view_of_string(group->protocol_type ? group->protocol_type : "");
    value.generation = group->generation;
    value.protocol = view_of_string(group->protocol_name);
    value.leader = view_of_string(group->leader ? group->leader->id : NULL);
    value.current_state_timestamp = group->state_timestamp_ms;
    value.members.items = memory_alloc_array(group->member_count, sizeof *value.members.items);
    for (LIST_EACH(link, &group->members)) {
        const struct group_member *member = LIST_ELEMENT(link, struct group_member, link);
        value.members.items[value.members.count++] = (struct group_metadata_value_member_metadata){
            .member_id = view_of_string(member->id),
            .group_instance_id = view_of_string(member->instance_id),
            .client_id = view_of_string(member->client_id),
            .client_host = view_of_string(member->client_host),
            .rebalance_timeout = member->rebalance_timeout_ms,
            .session_timeout = member->session_timeout_ms,
            .subscription = group_member_metadata(member, group->protocol_name),
            .assignment =
                view_of(member->assignment ? member->assignment : (const uint8_t *)"", member->assignment_size),
        };
    }
    append_message(builder, now_ms, &group_metadata_key_schema, GROUP_KEY_VERSION, &key, &group_metadata_value_schema,
                   GROUP_VALUE_VERSION, &value);
    free(value.members.items);
}

void group_batch_write(struct group *group, struct batch_builder *builder, group_write_done *done, void *context)
{
    size_t size;
    uint8_t *batch = batch_builder_record_count(builder) > 0 ? batch_builder_finish(builder, &size) : NULL;
    batch_builder_destroy(builder);
    if (batch != NULL) {
        group_write_add(group, batch, size, done, context);
        return;
    }
    if (done != NULL)
        done(group, context, KAFKA_RECORD_LIST_TOO_LARGE);
    free(context);
}

// ---- Reading

static bool decode(const struct message_schema *schema, struct view bytes, struct arena *arena, void *message)
{
    if (bytes.size < 2)
        return false;
    int16_t version = big_endian_load_i16(bytes.data);
    return message_decode(schema, version, view_of(bytes.data + 2, bytes.size - 2), arena, message) == 0;
}

static enum kafka_error apply_offset(struct group_coordinator *coordinator, int32_t partition,
                                     const struct record *record, struct arena *arena)
{
    struct offset_commit_key key;
    struct offset_commit_value value;
    if (!decode(&offset_commit_key_schema, record->key, arena, &key))
        return KAFKA_CORRUPT_MESSAGE;
    bool is_removal = view_is_null(record->value);
    if (!is_removal && !decode(&offset_commit_value_schema, record->value, arena, &value))
        return KAFKA_CORRUPT_MESSAGE;
    if (!group_id_is_possible(key.group))
        return KAFKA_CORRUPT_MESSAGE;
    struct group *group = group_coordinator_group_to_load(coordinator, key.group, partition);
    group_acquire(group);
    if (is_removal) {
        group_remove_offset(group, key.topic, key.partition);
    } else {
        group_set_offset(group, &(struct group_offset){
                                    .topic = view_to_string(arena, key.topic),
                                    .partition = key.partition,
                                    .offset = value.offset,
                                    .leader_epoch = value.leader_epoch,
                                    .metadata = view_is_null(value.metadata) ? view_of_string("") : value.metadata,
                                    .commit_timestamp_ms = value.commit_timestamp,
                                    .expire_timestamp_ms = value.expire_timestamp,
                                });
    }
    group_release(group);
    group_unref(group);
    return KAFKA_NONE;
}

static void load_member(struct group *group, const struct group_metadata_value_member_metadata *from,
                        struct view protocol_type, struct view protocol, struct arena *arena)
{
    struct join_group_request_protocol only = {.name = protocol, .metadata = from->subscription};
    struct join_group_request request = join_group_request_default;
    request.session_timeout_ms = from->session_timeout;
    request.rebalance_timeout_ms = from->rebalance_timeout;
    request.protocol_type = protocol_type;
    if (!view_is_null(protocol)) {
        request.protocols.items = &only;
        request.protocols.count = 1;
    }
    const char *host = view_to_string(arena, from->client_host);
    struct group_client client = {.client_id = from->client_id, .host = host ? host : ""};
    struct group_member *member = group_add_member(group, from->member_id, from->group_instance_id, &client, &request);
    group_member_set_assignment(member, from->assignment);
    member->session_deadline_ms = GROUP_NO_DEADLINE; // until the load is done
}

static void load_metadata(struct group *group, const struct group_metadata_value *value, struct arena *arena)
{
    group->leader = NULL;
    group->generation = value->generation;
    free(group->protocol_type);
    free(group->protocol_name);
    group->protocol_type = value->protocol_type.size > 0 ? view_dup(value->protocol_type) : NULL;
    group->protocol_name = view_dup(value->protocol);
    for (int32_t i = 0; i < value->members.count; i++) {
        if (group_find_member(group, value->members.items[i].member_id) == NULL)
            load_member(group, &value->members.items[i], value->protocol_type, value->protocol, arena);
    }
    struct group_member *leader = group_find_member(group, value->leader);
    if (leader != NULL)
        group->leader = leader;
    group->state = group->member_count > 0 ? GROUP_STABLE : GROUP_EMPTY;
    group->state_timestamp_ms = value->current_state_timestamp;
}

static bool has_possible_members(const struct group_metadata_value *value)
{
    for (int32_t i = 0; i < value->members.count; i++) {
        if (!group_id_is_possible(value->members.items[i].member_id) ||
            !group_id_is_possible(value->members.items[i].group_instance_id))
            return false;
    }
    return true;
}

static enum kafka_error apply_metadata(struct group_coordinator *coordinator, int32_t partition,
                                       const struct record *record, struct arena *arena)
{
    struct group_metadata_key key;
    struct group_metadata_value value;
    if (!decode(&group_metadata_key_schema, record->key, arena, &key))
        return KAFKA_CORRUPT_MESSAGE;
    bool is_removal = view_is_null(record->value);
    if (!is_removal && !decode(&group_metadata_value_schema, record->value, arena, &value))
        return KAFKA_CORRUPT_MESSAGE;
    if (!group_id_is_possible(key.group) || (!is_removal && !has_possible_members(&value)))
        return KAFKA_CORRUPT_MESSAGE;
    struct group *group = group_coordinator_group_to_load(coordinator, key.group, partition);
    group_acquire(group);
    while (!list_is_empty(&group->members))
        group_remove_member(group, LIST_ELEMENT(group->members.next, struct group_member, link));
    if (is_removal)
        value = group_metadata_value_default;
    load_metadata(group, &value, arena);
    group_release(group);
    group_unref(group);
    return KAFKA_NONE;
}

enum kafka_error group_record_apply(struct group_coordinator *coordinator, int32_t partition,
                                    const struct record *record)
{
    if (record->key.size < 2)
        return KAFKA_CORRUPT_MESSAGE;
    struct arena arena;
    arena_init(&arena, RECORD_ARENA_MAX);
    int16_t version = big_endian_load_i16(record->key.data);
    enum kafka_error error = KAFKA_NONE;
    if (version >= 0 && version <= OFFSET_KEY_VERSION_MAX)
        error = apply_offset(coordinator, partition, record, &arena);
    else if (version == GROUP_KEY_VERSION)
        error = apply_metadata(coordinator, partition, record, &arena);
    arena_fini(&arena);
    return error;
}
