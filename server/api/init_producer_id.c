// SPDX-License-Identifier: Apache-2.0
// InitProducerId (API key 22): ids for idempotent producers. A transactional id is refused by UNSUPPORTED_VERSION,
// which Apache Kafka's producer raises at once from initTransactions(): no transaction coordinator is served, and a
// retriable error would let it try until max.block.ms is over.
#include "net/request.h"
#include "server/broker.h"
#include "server/controller/controller.h"
#include "server/dispatch.h"
#include "server/handlers.h"

static enum kafka_error check(const struct init_producer_id_request *asked)
{
    if (!view_is_null(asked->transactional_id) && asked->transactional_id.size == 0)
        return KAFKA_INVALID_REQUEST;
    if ((asked->producer_id == -1) != (asked->producer_epoch == -1)) // both or none
        return KAFKA_INVALID_REQUEST;
    return view_is_null(asked->transactional_id) ? KAFKA_NONE : KAFKA_UNSUPPORTED_VERSION;
}

// In the request's arena.
struct waiting {
    struct producer_id_wait wait;
    struct request *request;
};

static void answer(struct request *request, enum kafka_error error, int64_t producer_id)
{
    struct init_producer_id_response response = init_producer_id_response_default;
    response.error_code = (int16_t)error;
    response.producer_id = error == KAFKA_NONE ? producer_id : -1;
    response.producer_epoch = error == KAFKA_NONE ? 0 : -1;
    dispatch_respond(request, &response);
}

static void answer_waiting(struct producer_id_wait *wait, enum kafka_error error)
{
    struct waiting *waiting = (struct waiting *)wait;
    answer(waiting->request, error, wait->producer_id);
}

void init_producer_id_serve(struct broker *broker, struct request *request, const void *message)
{
    enum kafka_error error = check(message);
    struct waiting *waiting = error == KAFKA_NONE ? arena_alloc(&request->arena, sizeof *waiting) : NULL;
    if (waiting == NULL) {
        answer(request, error == KAFKA_NONE ? KAFKA_UNKNOWN_SERVER_ERROR : error, -1);
        return;
    }
    *waiting = (struct waiting){.wait.done = answer_waiting, .request = request};
    controller_take_producer_id(broker->controller, &waiting->wait);
}
