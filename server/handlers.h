// SPDX-License-Identifier: Apache-2.0
// One handler per served API, named after its schema: a schema that says `serves` without a handler of that name does
// not link. server/dispatch.h says what each of them owes. They live in server/api/ or beside the part that they belong
// to, one file per family.
#ifndef SERVER_HANDLERS_H
#define SERVER_HANDLERS_H

#include "net/protocol/messages.h"

struct broker;
struct request;

#define HANDLER(name, id, key) void name##_serve(struct broker *broker, struct request *request, const void *message);
FOR_EACH_SERVED_API(HANDLER)
#undef HANDLER

#endif
