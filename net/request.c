// SPDX-License-Identifier: Apache-2.0
#include "net/request.h"

#include "net/connection.h"
#include "net/handler.h"
#include "net/service.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

static void end(struct request *request, enum request_end how)
{
    struct connection *connection = connection_of_request(request);
    assert(connection->phase == CONNECTION_HANDLED);
    connection->end = how;
    handler_give_back(connection);
}

void request_answer(struct request *request)
{
    end(request, REQUEST_ANSWERED);
}

void request_skip_answer(struct request *request)
{
    end(request, REQUEST_SKIPPED);
}

void request_close(struct request *request)
{
    end(request, REQUEST_CLOSED);
}

bool request_logs_refusal(struct request *request)
{
    return service_logs_refusal(connection_of_request(request)->service);
}

const char *request_peer_host(const struct request *request, char host[REQUEST_HOST_SIZE])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const uint8_t *address = request->peer_address;
    bool is_mapped = memcmp(address, mapped, sizeof mapped) == 0;
    const char *text = is_mapped ? inet_ntop(AF_INET, address + sizeof mapped, host, REQUEST_HOST_SIZE)
                                 : inet_ntop(AF_INET6, address, host, REQUEST_HOST_SIZE);
    assert(text != NULL);
    return text;
}
