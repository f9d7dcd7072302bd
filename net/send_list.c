// SPDX-License-Identifier: Apache-2.0
#include "net/send_list.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void send_list_init(struct send_list *list, struct arena *arena)
{
    list->arena = arena;
    list->pieces = list->inline_pieces;
    list->count = 0;
    list->capacity = SEND_LIST_INLINE_COUNT;
    list->size = 0;
}

static int piece_add(struct send_list *list, struct send_piece piece)
{
    if (piece.size == 0)
        return 0;
    if (piece.size > SIZE_MAX - list->size)
        return -EOVERFLOW;
    if (list->count == list->capacity) {
        struct send_piece *more = arena_alloc_array(list->arena, list->capacity * 2, sizeof *more);
        if (more == NULL)
            return -ENOMEM;
        memcpy(more, list->pieces, list->count * sizeof *more);
        list->pieces = more;
        list->capacity *= 2;
    }
    list->pieces[list->count++] = piece;
    list->size += piece.size;
    return 0;
}

int send_list_add_bytes(struct send_list *list, const void *bytes, size_t size)
{
    assert(bytes != NULL || size == 0);
    return piece_add(list, (struct send_piece){.bytes = bytes, .size = size});
}

int send_list_add_source(struct send_list *list, struct send_source *source, size_t size)
{
    return piece_add(list, (struct send_piece){.source = source, .size = size});
}

int send_list_add_message(struct send_list *list, const struct message_pieces *message)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct message_piece *piece = &message->items[i];
        int result = piece->source != NULL ? send_list_add_source(list, piece->source, piece->size)
                                           : send_list_add_bytes(list, piece->bytes, piece->size);
        if (result != 0)
            return result;
    }
    return 0;
}
