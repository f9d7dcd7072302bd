// SPDX-License-Identifier: Apache-2.0
#include "tools/arguments.h"
#include "tools/java_hash.h"

#include "test/unit/suite.h"

#include <stdlib.h>
#include <string.h>

static const struct argument_row rows[] = {
    {"flag", ARGUMENT_NONE, ARGUMENT_STRING, "", NULL, "A flag."},
    {"topic", ARGUMENT_REQUIRED, ARGUMENT_STRING, "topic", NULL, "A topic."},
    {"count", ARGUMENT_REQUIRED, ARGUMENT_INTEGER, "", "7", "A number."},
    {"wait", ARGUMENT_REQUIRED, ARGUMENT_LONG, "", NULL, "A long number."},
    {"codec", ARGUMENT_OPTIONAL, ARGUMENT_STRING, "codec", NULL, "A codec."},
};

// Parses up to six words.
static bool parse(struct arguments *arguments, const char *a, const char *b, const char *c, const char *d)
{
    static char words[5][32];
    const char *given[] = {"program", a, b, c, d};
    char *argv[6];
    int argc = 0;
    while (argc < 5 && given[argc]) {
        snprintf(words[argc], sizeof words[argc], "%s", given[argc]);
        argv[argc] = words[argc];
        argc++;
    }
    return arguments_parse(arguments, rows, sizeof rows / sizeof rows[0], argc, argv);
}

static void expect_string(const char *wanted, const char *name, const char *a, const char *b, const char *c,
                          const char *d)
{
    struct arguments arguments;
    const char *value = NULL;
    CU_ASSERT_FATAL(parse(&arguments, a, b, c, d));
    CU_ASSERT(arguments_string(&arguments, name, &value));
    if (wanted) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(value);
        CU_ASSERT_STRING_EQUAL(value, wanted);
    } else {
        CU_ASSERT_PTR_NULL(value);
    }
    arguments_fini(&arguments);
}

static void values(void)
{
    expect_string("t1", "topic", "--topic", "t1", NULL, NULL);
    expect_string("t1", "topic", "--topic=t1", NULL, NULL, NULL);
    expect_string("a=b", "topic", "--topic=a=b", NULL, NULL, NULL);
    expect_string("", "topic", "--topic", "", NULL, NULL);
    expect_string("--flag", "topic", "--topic", "--flag", NULL, NULL);
    expect_string("t1", "topic", "ignored", "--topic", "t1", "too");
    expect_string("next", "topic", "--topic=", "next", NULL, NULL);
    expect_string(NULL, "topic", "--", "--topic", "t1", NULL);
    expect_string(NULL, "topic", "-", NULL, NULL, NULL);
    expect_string("7", "count", NULL, NULL, NULL, NULL);
    expect_string("gzip", "codec", "--codec", "gzip", NULL, NULL);
    expect_string(NULL, "codec", "--codec", "--flag", NULL, NULL);
    expect_string(NULL, "codec", "--codec=", NULL, NULL, NULL);
}

static void expect_error(const char *wanted, const char *a, const char *b)
{
    struct arguments arguments;
    CU_ASSERT_FALSE_FATAL(parse(&arguments, a, b, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(arguments.error, wanted);
    arguments_fini(&arguments);
}

static void errors(void)
{
    expect_error("bogus is not a recognized option", "--bogus", NULL);
    expect_error("bogus is not a recognized option", "--bogus=1", NULL);
    expect_error("topi is not a recognized option", "--topi", "x");
    expect_error("x is not a recognized option", "-x", NULL);
    expect_error("t is not a recognized option", "-topic", "x");
    expect_error("Option topic requires an argument", "--topic", NULL);
}

static void found_when_asked_for(void)
{
    struct arguments arguments;
    const char *value;
    int64_t number = 1;
    CU_ASSERT_FATAL(parse(&arguments, "--topic", "a", "--topic", "b"));
    CU_ASSERT(arguments_has(&arguments, "topic"));
    CU_ASSERT_FALSE(arguments_string(&arguments, "topic", &value));
    CU_ASSERT_STRING_EQUAL(arguments.error, "Found multiple arguments for option topic, but you asked for only one");
    size_t at = 0;
    CU_ASSERT_STRING_EQUAL(arguments_next(&arguments, "topic", &at), "a");
    CU_ASSERT_STRING_EQUAL(arguments_next(&arguments, "topic", &at), "b");
    CU_ASSERT_PTR_NULL(arguments_next(&arguments, "topic", &at));
    arguments_fini(&arguments);
    CU_ASSERT_FATAL(parse(&arguments, "--count", "2147483648", "--wait", "2147483648"));
    CU_ASSERT_FALSE(arguments_number(&arguments, "count", &number));
    CU_ASSERT_STRING_EQUAL(arguments.error, "Cannot parse argument '2147483648' of option count");
    CU_ASSERT(arguments_number(&arguments, "wait", &number));
    CU_ASSERT_EQUAL(number, 2147483648);
    arguments_fini(&arguments);
}

// Slots that Java 17 gives.
static void hashes(void)
{
    CU_ASSERT_EQUAL(java_hash(""), 0);
    CU_ASSERT_EQUAL(java_hash("hello"), 99162322);
    CU_ASSERT_EQUAL(java_hash("T\xC3\xBCr"), 'T' * 31 * 31 + 0xFC * 31 + 'r');
    CU_ASSERT_EQUAL(java_hash_capacity(16, 12), 16);
    CU_ASSERT_EQUAL(java_hash_capacity(16, 13), 32);
    CU_ASSERT_EQUAL(java_hash_capacity(1, 1), 2);
    CU_ASSERT_EQUAL(java_hash_capacity(3, 3), 4);
    CU_ASSERT(java_hash_compare("t4", "my.topic", 16) < 0);
    CU_ASSERT(java_hash_compare("t3", "t4", 16) > 0);
}

SUITE_MAIN("tools/arguments", {"values", values}, {"errors", errors}, {"found when asked for", found_when_asked_for},
           {"hashes", hashes})
