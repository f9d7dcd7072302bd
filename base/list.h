// SPDX-License-Identifier: Apache-2.0
// A doubly linked list through a field of its elements. The owner of the list frees the elements and holds the lock
// that guards them.
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous; // a list's head, and the field in each element
};

// The element around its list field.
#define LIST_ELEMENT(pointer, type, field) ((type *)(void *)((char *)(pointer)-offsetof(type, field)))

// for (LIST_EACH(link, &list)): the element of `link` may not be removed inside.
#define LIST_EACH(link, head)                                                                                          \
    struct list *link = (head)->next;                                                                                  \
    link != (head);                                                                                                    \
    link = link->next

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

// Leaves the link empty, so that removing it again does nothing.
static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

// The first link, removed, or NULL.
static inline struct list *list_take_first(struct list *list)
{
    if (list_is_empty(list))
        return NULL;
    struct list *link = list->next;
    list_remove(link);
    return link;
}

// Moves all elements to the end of another list.
static inline void list_move_all(struct list *from, struct list *to)
{
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#endif
