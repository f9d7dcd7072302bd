// SPDX-License-Identifier: Apache-2.0
#include "server/dispatch.h"

#include "base/logger.h"
#include "net/protocol/api.h"
#include "net/protocol/schema.h"
#include "net/request.h"
#include "server/broker.h"
#include "server/handlers.h"
#include "server/readiness.h"

#include <errno.h>

// What an answer may take in the arena, whatever the request has used of it.
#define ANSWER_ARENA_SIZE ((size_t)64 * 1024 * 1024)

typedef void serve(struct broker *broker, struct request *request, const void *message);

static serve *const handlers[] = {
#define HANDLER(name, id, key) [key] = name##_serve,
    FOR_EACH_SERVED_API(HANDLER)
#undef HANDLER
};

static serve *find_handler(int16_t api_key)
{
    if (api_key < 0 || (size_t)api_key >= sizeof handlers / sizeof handlers[0])
        return NULL;
    return handlers[api_key];
}

bool dispatch_versions(int16_t api_key, int16_t *version_min, int16_t *version_max)
{
    const struct api *api = api_by_key(api_key);
    if (api == NULL || api->served_min > api->served_max || find_handler(api_key) == NULL)
        return false;
    *version_min = api->served_min;
    *version_max = api->served_max;
    return true;
}

static void refuse(struct request *request, const char *why)
{
    char host[REQUEST_HOST_SIZE];
    if (request_logs_refusal(request))
        logger_info("Closing the connection of %s from %s port %u: request with API key %d, version %d %s.",
                    request->principal, request_peer_host(request, host), request->peer_port, request->api_key,
                    request->api_version, why);
    request_close(request);
}

void dispatch_request(void *context, struct request *request)
{
    const struct api *api = api_by_key(request->api_key);
    int16_t version_min, version_max;
    if (api == NULL || !dispatch_versions(request->api_key, &version_min, &version_max)) {
        refuse(request, "is not served");
        return;
    }
    if (!api_serves(api, request->api_version)) {
        // ApiVersions answers in version 0 what it knows, so that any client finds out (KIP-511).
        if (request->api_key == API_API_VERSIONS)
            api_versions_serve(context, request, NULL);
        else
            refuse(request, "is not served");
        return;
    }
    void *message = arena_alloc(&request->arena, api->request->size);
    int result = message == NULL
                     ? -ENOMEM
                     : message_decode(api->request, request->api_version, request->body, &request->arena, message);
    arena_extend(&request->arena, ANSWER_ARENA_SIZE);
    if (result != 0) {
        refuse(request, result == -ENOMEM ? "takes too much memory" : "cannot be read");
        return;
    }
    struct broker *broker = context;
    serve *handler = find_handler(request->api_key);
    if (broker->readiness == NULL || !readiness_hold(broker->readiness, request, message, handler))
        handler(broker, request, message);
}

void dispatch_respond(struct request *request, const void *response)
{
    const struct api *api = api_by_key(request->api_key);
    // The answer to an ApiVersions request of an unknown version.
    int16_t version = api_has_version(api, request->api_version) ? request->api_version : 0;
    struct message_pieces pieces;
    int result = frame_encode_response(api, version, request->correlation_id, response, &request->arena, &pieces);
    if (result == 0)
        result = send_list_add_message(&request->response, &pieces);
    if (result == 0) {
        request_answer(request);
        return;
    }
    const char *field = result == -EINVAL ? message_why(api->response, version, response) : NULL;
    if (request_logs_refusal(request))
        logger_error("Cannot encode an answer to %s version %d (error %d%s%s), closing the connection.", api->name,
                     version, -result, field ? ", field " : "", field ? field : "");
    request_close(request);
}

void dispatch_respond_none(struct request *request)
{
    request_skip_answer(request);
}

void dispatch_close(struct request *request)
{
    request_close(request);
}
