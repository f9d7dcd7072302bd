// SPDX-License-Identifier: Apache-2.0
// The APIs of the wire protocol, and the headers in front of requests and responses. A frame is an int32 size and then
// what these functions read and write: header and body. Thread-safe, as net/protocol/message.h.
#ifndef NET_PROTOCOL_API_H
#define NET_PROTOCOL_API_H

#include "net/protocol/messages.h"

#include <stdbool.h>
#include <stdint.h>

struct api {
    int16_t key;
    const char *name; // "Produce"
    int16_t version_min, version_max;
    int16_t flexible_min;           // above version_max: never
    int16_t served_min, served_max; // what the broker serves and lists in ApiVersions; min > max: not at all
    const struct message_schema *request, *response;
};

// By key, rising.
extern const struct api api_table[];
extern const int api_table_count;

// NULL for a key that has no schema.
const struct api *api_by_key(int16_t key);

static inline bool api_has_version(const struct api *api, int16_t version)
{
    return version >= api->version_min && version <= api->version_max;
}

static inline bool api_serves(const struct api *api, int16_t version)
{
    return version >= api->served_min && version <= api->served_max;
}

// Takes the header off a request's frame (without its size prefix), without allocation. Returns 0 and the rest as the
// body (the client id, which may be null, is a view of the frame), or -EBADMSG. Whether the API and the version are
// known is the caller's to check: the header of an API without a schema is taken to be the classic one.
int frame_read_request_header(struct view frame, struct request_header *header, struct view *body)
    __attribute__((warn_unused_result));

// Takes the header off an answer to a request of that API and version. Returns 0, -EBADMSG or -EOPNOTSUPP.
int frame_read_response_header(const struct api *api, int16_t version, struct view frame, int32_t *correlation_id,
                               struct view *body) __attribute__((warn_unused_result));

// A whole frame without its size prefix: header, then message. Returns 0 or as message_encode.
int frame_encode_request(const struct api *api, int16_t version, int32_t correlation_id, struct view client_id,
                         const void *message, struct arena *arena, struct message_pieces *pieces)
    __attribute__((warn_unused_result));
int frame_encode_response(const struct api *api, int16_t version, int32_t correlation_id, const void *message,
                          struct arena *arena, struct message_pieces *pieces) __attribute__((warn_unused_result));

#endif
