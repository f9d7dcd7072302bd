// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <stddef.h>

struct row {
    int16_t code;
    const char *name, *exception;
};

static const struct row rows[] = {
#define ROW(name, code, exception) {code, #name, exception},
#include "base/errors.def"
#undef ROW
};

static const struct row *row_of(int16_t code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return NULL;
}

const char *kafka_error_name(int16_t code)
{
    const struct row *row = row_of(code);
    return row ? row->name : "UNKNOWN";
}

const char *kafka_error_exception(int16_t code)
{
    const struct row *row = row_of(code);
    return row ? row->exception : "UnknownServerException";
}
