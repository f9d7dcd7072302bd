// SPDX-License-Identifier: Apache-2.0
// Messages of the wire protocol: C structs (net/protocol/messages.h, generated from api/*.api) to bytes and back, one
// walker over the generated tables for all of them. All functions are thread-safe: tables are constant and everything
// else belongs to the caller.
//
// A struct is the union of all versions of its message. Decoding sets fields that the version lacks to the schema's
// default; whoever builds a message starts from the default too (x_default, or message_alloc_array for elements) and
// sets what differs. When encoding, a field that the version lacks is left out if the schema calls it ignorable, and
// otherwise must hold its default. A null string or bytes where the version knows no null goes out as empty.
#ifndef NET_PROTOCOL_MESSAGE_H
#define NET_PROTOCOL_MESSAGE_H

#include "base/arena.h"
#include "base/uuid.h"
#include "base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Arrays: count -1 is null.
struct int32_array {
    int32_t *items;
    int32_t count;
};

struct int64_array {
    int64_t *items;
    int32_t count;
};

struct string_array {
    struct view *items;
    int32_t count;
};

// Record batches as they are: bytes in memory (decoding gives only these), or, when source is not NULL, source_size
// bytes that whoever sends the message gets from the source. Both empty: null.
struct records {
    struct view bytes;
    void *source;
    size_t source_size;
};

struct message_schema;
struct message_field;

// An encoded message is a row of pieces: bytes, or source != NULL. Long records are pieces of their own that refer to
// the message's memory; all else is copied. The pieces and copied bytes live in the arena.
struct message_piece {
    const uint8_t *bytes; // NULL for a source
    void *source;         // as in struct records
    size_t size;
};

struct message_pieces {
    struct message_piece *items;
    size_t count;
    size_t size; // of all pieces together
};

// Reads a message of this version from the beginning of bytes; what follows it is ignored. *message is the struct of
// the schema; its views are of the bytes, its arrays in the arena. Returns 0; -EBADMSG when the bytes are none such
// message; -ENOMEM when the arena is at its maximum; -EOPNOTSUPP for a version that the schema lacks.
int message_decode(const struct message_schema *schema, int16_t version, struct view bytes, struct arena *arena,
                   void *message) __attribute__((warn_unused_result));

// The same behind an int16 version, as the records of internal topics and the consumer protocol have it; *version is
// set when it could be read, and is then the reason of -EOPNOTSUPP.
int message_decode_versioned(const struct message_schema *schema, struct view bytes, struct arena *arena,
                             int16_t *version, void *message) __attribute__((warn_unused_result));

// How many bytes the message takes, records included. Returns 0, or as message_encode.
int message_size(const struct message_schema *schema, int16_t version, const void *message, size_t *size)
    __attribute__((warn_unused_result));

// Returns 0; -EINVAL for what this version cannot carry (a field that it lacks, a null where it knows none, a string
// above 32767 bytes), which message_why tells; -EMSGSIZE above 2 GB; -ENOMEM when the arena is at its maximum;
// -EOPNOTSUPP for a version that the schema lacks.
int message_encode(const struct message_schema *schema, int16_t version, const void *message, struct arena *arena,
                   struct message_pieces *pieces) __attribute__((warn_unused_result));

// The same into one piece of memory in the arena; a source is -EINVAL. with_version: the version goes in front as an
// int16, as the records of internal topics and the consumer protocol have it.
int message_encode_bytes(const struct message_schema *schema, int16_t version, const void *message, struct arena *arena,
                         bool with_version, struct view *bytes) __attribute__((warn_unused_result));

// The name of the field because of which message_encode gives -EINVAL, in JSON form; NULL when there is none.
const char *message_why(const struct message_schema *schema, int16_t version, const void *message);

// Every field to its default.
void message_init(const struct message_schema *schema, void *message);

// Elements of an array, each at its default, or NULL when the arena is at its maximum:
// response.topics.items = message_alloc_array(arena, &metadata_response_topic_schema, count).
void *message_alloc_array(struct arena *arena, const struct message_schema *schema, int32_t count)
    __attribute__((warn_unused_result));

// Same contents in all fields of all versions. Sources are equal if they are the same one.
bool message_equal(const struct message_schema *schema, const void *a, const void *b);

// Writes the message as JSON on one line, as Kafka's own JSON form has it (bytes and records in base64; a source as
// null), into buffer, cut off at size with a zero at the end. Returns the length that the whole text has.
size_t message_print(const struct message_schema *schema, int16_t version, const void *message, char *buffer,
                     size_t size);

#endif
