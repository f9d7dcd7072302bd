// SPDX-License-Identifier: Apache-2.0
#include "tools/line_input.h"

#include "test/unit/suite.h"

#include <unistd.h>

// Writes the pieces one after the other and joins the lines that come out with "|".
static void expect(const char *wanted, const char *const *pieces)
{
    int ends[2];
    char found[256] = "";
    struct line_input input;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    line_input_init(&input, ends[0]);
    bool is_closed = false;
    while (!input.is_ended) {
        if (*pieces) {
            ssize_t size = (ssize_t)strlen(*pieces);
            CU_ASSERT_EQUAL(write(ends[1], *pieces, (size_t)size), size);
            pieces++;
        } else if (!is_closed) {
            close(ends[1]);
            is_closed = true;
        }
        CU_ASSERT_EQUAL(line_input_fill(&input), 0);
        struct view line;
        while (line_input_next(&input, &line)) {
            size_t used = strlen(found);
            snprintf(found + used, sizeof found - used, "%.*s|", VIEW_ARGS(line));
        }
    }
    CU_ASSERT_STRING_EQUAL(found, wanted);
    line_input_fini(&input);
    close(ends[0]);
}

#define EXPECT(wanted, ...) expect(wanted, (const char *const[]){__VA_ARGS__, NULL})

static void lines(void)
{
    EXPECT("a|b|", "a\nb\n");
    EXPECT("a|b|", "a\nb");
    EXPECT("a||b|", "a\n\nb");
    EXPECT("a|b|c|d|", "a\rb\r\nc\nd");
    EXPECT("a|b|", "a\r", "\nb\n");
    EXPECT("a||b|", "a\r", "\rb\n");
    EXPECT("one two|", "one", " t", "wo");
    expect("", (const char *const[]){NULL});
}

SUITE_MAIN("tools/line_input", {"lines", lines})
