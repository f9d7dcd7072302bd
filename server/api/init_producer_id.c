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

void init_producer_id_serve(struct broker *broker, struct request *request, const void *message)
{
    struct init_producer_id_response response = init_producer_id_response_default;
    response.producer_epoch = -1;
    enum kafka_error error = check(message);
    if (error == KAFKA_NONE)
        error = controller_next_producer_id(broker->controller, &response.producer_id);
    if (error == KAFKA_NONE)
        response.producer_epoch = 0;
    response.error_code = (int16_t)error;
    dispatch_respond(request, &response);
}
