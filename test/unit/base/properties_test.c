// SPDX-License-Identifier: Apache-2.0
#include "base/properties.h"

#include "base/memory.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct properties parse(const char *text)
{
    struct properties properties = {0};
    CU_ASSERT_EQUAL(properties_parse(&properties, view_of_string(text)), 0);
    return properties;
}

static void expect(const char *text, const char *key, const char *value)
{
    struct properties properties = parse(text);
    const char *found = properties_get(&properties, key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT_STRING_EQUAL(found, value);
    CU_ASSERT_EQUAL(properties.count, 1);
    properties_fini(&properties);
}

static void separators(void)
{
    expect("a=b", "a", "b");
    expect("a:b", "a", "b");
    expect("a b", "a", "b");
    expect("  a \t = \f b c  ", "a", "b c  ");
    expect("a = = b", "a", "= b");
    expect("a\r\n", "a", "");
    expect("a=", "a", "");
    expect("=b", "", "b");
    expect("a\\ b\\=c\\:d=e", "a b=c:d", "e");
}

static void continued_lines(void)
{
    expect("a=b\\\n   c\\\r\n\td", "a", "bcd");
    expect("a\\\n  b=c", "ab", "c");
    expect("a\\\\=b\\\\\n", "a\\", "b\\");
    expect("a=b\\", "a", "b");
    expect("a \\\n = b", "a", "b");
}

static void comments(void)
{
    expect("# no = value \\\n! neither\n\n   # nor here\na=b#c", "a", "b#c");
}

static void escapes(void)
{
    expect("a=\\t\\n\\r\\f\\q\\u0041\\u00e9\\u20AC", "a", "\t\n\r\fqA\xC3\xA9\xE2\x82\xAC");
    expect("a=\\uD83D\\uDE00", "a", "\xF0\x9F\x98\x80");
    expect("a=\\uD83Dx", "a", "?x");
    expect("a=\xE9", "a", "\xC3\xA9");
    struct properties properties = {0};
    CU_ASSERT_EQUAL(properties_parse(&properties, view_of_string("a=b\nc=\\u12")), -EINVAL);
    CU_ASSERT_STRING_EQUAL(properties_get(&properties, "a"), "b");
    properties_fini(&properties);
}

static void later_values_win(void)
{
    struct properties properties = parse("a=1\nb=2\na=3\n");
    CU_ASSERT_EQUAL(properties.count, 2);
    CU_ASSERT_STRING_EQUAL(properties_get(&properties, "a"), "3");
    CU_ASSERT(properties_remove(&properties, "a"));
    CU_ASSERT(!properties_remove(&properties, "a"));
    CU_ASSERT_PTR_NULL(properties_get(&properties, "a"));
    CU_ASSERT_STRING_EQUAL(properties_get(&properties, "b"), "2");
    properties_fini(&properties);
}

static void expect_escaped(const char *value, const char *escaped)
{
    char *text = properties_escape(value), *line = memory_format("a=%s\n", text);
    CU_ASSERT_STRING_EQUAL(text, escaped);
    expect(line, "a", value);
    free(line);
    free(text);
}

static void escaped_values_read_the_same(void)
{
    expect_escaped("", "");
    expect_escaped("Sg7P-1_x", "Sg7P-1_x");
    expect_escaped(" a b\t\n\r\f=:#!\\", "\\ a b\\t\\n\\r\\f\\=\\:\\#\\!\\\\");
    expect_escaped("\x7f\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\\u007F\\u00E9\\u20AC\\uD83D\\uDE00");
}

// As `--producer.config <(echo …)` gives it.
static void pipes_are_read_to_their_end(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(write(ends[1], "linger.ms=5\nacks=all", 20), 20);
    close(ends[1]);
    char *path = memory_format("/dev/fd/%d", ends[0]);
    struct properties properties = {0};
    CU_ASSERT_EQUAL(properties_load(&properties, path), 0);
    CU_ASSERT_STRING_EQUAL(properties_get(&properties, "linger.ms"), "5");
    CU_ASSERT_STRING_EQUAL(properties_get(&properties, "acks"), "all");
    close(ends[0]);
    free(path);
    properties_fini(&properties);
}

static void unreadable_files_are_errors(void)
{
    struct properties properties = {0};
    CU_ASSERT_EQUAL(properties_load(&properties, "/dev/zero"), -EFBIG);
    CU_ASSERT_EQUAL(properties_load(&properties, "/"), -EISDIR);
    CU_ASSERT_EQUAL(properties_load(&properties, "/nonexistent"), -ENOENT);
    properties_fini(&properties);
}

SUITE_MAIN("base/properties", {"separators", separators}, {"continued lines", continued_lines}, {"comments", comments},
           {"escapes", escapes}, {"later values win", later_values_win},
           {"escaped values read the same", escaped_values_read_the_same},
           {"pipes are read to their end", pipes_are_read_to_their_end},
           {"unreadable files are errors", unreadable_files_are_errors})
