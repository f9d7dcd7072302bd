// SPDX-License-Identifier: Apache-2.0
#include "tools/line_reader.h"

#include "test/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>

static struct properties properties_of(const char *text)
{
    struct properties properties = {0};
    CU_ASSERT_EQUAL(properties_parse(&properties, view_of_string(text)), 0);
    return properties;
}

static const char *show(struct view v)
{
    static char shown[4][64];
    static size_t next;
    char *buffer = shown[next++ % 4];
    snprintf(buffer, sizeof shown[0], "%.*s", VIEW_ARGS(v));
    return view_is_null(v) ? "<null>" : buffer;
}

// Reads one line and compares "header=value,…;key;value", or the error.
static void expect(const char *configured, const char *line, const char *wanted)
{
    struct properties properties = properties_of(configured);
    struct line_reader reader;
    struct line_record record = {0};
    char *error = NULL;
    char found[256] = "";
    CU_ASSERT_FATAL(line_reader_init(&reader, &properties, &error));
    if (line_reader_read(&reader, view_of_string(line), &record, &error)) {
        size_t used = 0;
        for (size_t i = 0; i < record.count; i++)
            used += (size_t)snprintf(found + used, sizeof found - used, "%s=%s,", show(record.items[i].name),
                                     show(record.items[i].value));
        snprintf(found + used, sizeof found - used, ";%s;%s", show(record.key), show(record.value));
        CU_ASSERT_STRING_EQUAL(found, wanted);
    } else {
        CU_ASSERT_STRING_EQUAL(error, wanted);
        free(error);
    }
    line_record_fini(&record);
    properties_fini(&properties);
}

static void values_and_keys(void)
{
    expect("", "hello", ";<null>;hello");
    expect("", "", ";<null>;");
    expect("parse.key=true", "k\tv\tw", ";k;v\tw");
    expect("parse.key=true\nkey.separator=:", "k1:v:1", ";k1;v:1");
    expect("parse.key=TRUE \nkey.separator=:", ":v", ";;v");
    expect("parse.key=true\nkey.separator=::", "a::b", ";a;b");
    expect("parse.key=true\nkey.separator=:", "none", "No key separator found on line number 1: 'none'");
    expect("parse.key=true\nkey.separator=:\nignore.error=true", "none", ";<null>;none");
    expect("null.marker=NULL", "NULL", ";<null>;<null>");
    expect("parse.key=true\nnull.marker=NULL", "NULL\tNULL", ";<null>;<null>");
}

static void headers(void)
{
    expect("parse.headers=true", "h1:v1,h2:v2\tvalue", "h1=v1,h2=v2,;<null>;value");
    expect("parse.headers=true", "h:\tvalue", "h=,;<null>;value");
    expect("parse.headers=true", "h:1,\tvalue", "h=1,;<null>;value");
    expect("parse.headers=true", "\tvalue", "No header key separator found in pair '' on line number 1");
    expect("parse.headers=true", "bad\tvalue", "No header key separator found in pair 'bad' on line number 1");
    expect("parse.headers=true", "none", "No headers delimiter found on line number 1: 'none'");
    expect("parse.headers=true\nignore.error=true", "bad\tvalue", "bad=<null>,;<null>;value");
    expect("parse.headers=true\nparse.key=true\nkey.separator=:\nheaders.delimiter=|\nheaders.separator=;\n"
           "headers.key.separator=\\=",
           "a=1;b=2|key:value", "a=1,b=2,;key;value");
    expect("parse.headers=true\nnull.marker=NULL", "h:NULL\tv", "h=<null>,;<null>;v");
    expect("parse.headers=true\nnull.marker=NULL", "NULL\tv", ";<null>;v");
}

static void equal_separators(void)
{
    struct properties properties = properties_of("headers.separator=:");
    struct line_reader reader;
    char *error;
    CU_ASSERT_FALSE_FATAL(line_reader_init(&reader, &properties, &error));
    CU_ASSERT_STRING_EQUAL(error, "headers.separator and headers.key.separator may not be equal");
    free(error);
    properties_fini(&properties);
}

SUITE_MAIN("tools/line_reader", {"values and keys", values_and_keys}, {"headers", headers},
           {"equal separators", equal_separators})
