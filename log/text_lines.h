// SPDX-License-Identifier: Apache-2.0
// The lines and numbers of checkpoint files, and the ends of names, read strictly. Pure functions.
#ifndef LOG_TEXT_LINES_H
#define LOG_TEXT_LINES_H

#include "base/view.h"

#include <stdbool.h>
#include <stdint.h>

// Takes the next line (without its end) off *text. Returns false at the end.
bool text_next_line(struct view *text, struct view *line);

// Takes the next word, which ends at a blank or at the end, off *line. Returns false when there is none.
bool text_next_word(struct view *line, struct view *word);

// Takes a whole decimal number, with an optional '-', within the bounds. Returns false otherwise.
bool text_number(struct view word, int64_t min, int64_t max, int64_t *number);

bool text_ends_with(const char *text, const char *suffix);

#endif
