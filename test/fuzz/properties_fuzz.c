// SPDX-License-Identifier: Apache-2.0
// Properties files: whatever the bytes, keys are unique and found again, and texts are UTF-8; and what was read,
// written with every character escaped, reads the same.
#include "base/array.h"
#include "base/properties.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

// The next character of UTF-8, which must be well formed; 0 at the end.
static uint32_t next_code(const char **text)
{
    const uint8_t *at = (const uint8_t *)*text;
    int more = at[0] < 0x80 ? 0 : at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : 1;
    uint32_t code = more == 0 ? at[0] : at[0] & (0x3fu >> more);
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    assert(at[0] < 0x80 || (at[0] >= 0xc2 && at[0] <= 0xf4));
    for (int i = 1; i <= more; i++) {
        assert((at[i] & 0xc0) == 0x80);
        code = code << 6 | (at[i] & 0x3f);
    }
    assert(code >= least[more] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
    (void)least;
    *text += more + 1;
    return code;
}

static void print_escaped(FILE *out, const char *text)
{
    while (*text != 0) {
        uint32_t code = next_code(&text);
        if (code >= 0x10000)
            fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
        else
            fprintf(out, "\\u%04x", code);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct properties properties = {0}, again = {0};
    char *text = NULL;
    size_t text_size = 0;
    int result = properties_parse(&properties, view_of(data, size));
    FILE *out = open_memstream(&text, &text_size);
    assert(out != NULL);
    for (size_t i = 0; i < properties.count; i++) {
        const struct property *property = &properties.items[i];
        assert(properties_get(&properties, property->key) == property->value);
        print_escaped(out, property->key);
        fputc('=', out);
        print_escaped(out, property->value);
        fputc('\n', out);
    }
    fclose(out);
    result = properties_parse(&again, view_of(text, text_size));
    assert(result == 0 && again.count == properties.count);
    (void)result;
    for (size_t i = 0; i < again.count; i++)
        assert(strcmp(again.items[i].key, properties.items[i].key) == 0 &&
               strcmp(again.items[i].value, properties.items[i].value) == 0);
    properties_fini(&properties);
    properties_fini(&again);
    free(text);
    return 0;
}
