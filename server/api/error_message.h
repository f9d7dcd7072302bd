// SPDX-License-Identifier: Apache-2.0
// Texts for people in answers. What a client sent may stand in them, and a string of the protocol has 32,767 bytes at
// most.
#ifndef SERVER_API_ERROR_MESSAGE_H
#define SERVER_API_ERROR_MESSAGE_H

#include "base/view.h"

#include <string.h>

enum { ERROR_MESSAGE_SIZE_MAX = 4096 };

// The text, cut off where it is too long; NULL is null.
static inline struct view error_message(const char *text)
{
    return view_of(text, text != NULL ? strnlen(text, ERROR_MESSAGE_SIZE_MAX) : 0);
}

#endif
