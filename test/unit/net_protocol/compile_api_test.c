// SPDX-License-Identifier: Apache-2.0
// The generator names file, line and mistake of a schema that is wrong, and makes nothing of it.
#include "base/memory.h"
#include "test/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD "api test 1  versions 0-3  flexible 2+\n"
#define RESPONSE "\nresponse\n    error_code  int16\n"

static char folder[] = "/tmp/compile_api_XXXXXX";

// Runs the generator on this schema; the beginning of what it says goes to *said. Returns its exit code.
static int compile(const char *schema, char said[256])
{
    char *path = memory_format("%s/test.api", folder);
    char *command = memory_format("cd %s && %s test.h test.c test.md test.api 2>&1", folder, COMPILE_API);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(schema, file);
    fclose(file);
    FILE *output = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    said[fread(said, 1, 255, output)] = '\0';
    int status = pclose(output);
    free(path);
    free(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_good(void)
{
    char said[256];
    CU_ASSERT_EQUAL(compile(HEAD "\nrequest\n"
                                 "    group_id   string?1+        # the group\n"
                                 "    entries[]\n"
                                 "        name   string\n"
                                 "    parts      []part  1-2\n"
                                 "    extra{}            2+  tag 0\n"
                                 "        count  int32       default -1\n"
                                 "\nstruct part\n"
                                 "    id         uuid\n" RESPONSE,
                            said),
                    0);
    CU_ASSERT_STRING_EQUAL(said, "");
}

static void check_mistakes(void)
{
    static const struct {
        const char *schema, *said;
    } cases[] = {
        {"api test 1\n", "test.api:1: expected"},
        {"api test 1  versions 3-2\n", "test.api:1: \"3-2\" is no range"},
        {"api test 1  versions 0-3  flexible 4+\n", "test.api:1: \"4+\" is no range"},
        {"api test 1  versions 0-3  speaks 0-3\n", "test.api:1: unknown word \"speaks\""},
        {HEAD "\nquestion\n", "test.api:3: unknown section \"question\""},
        {HEAD "\nrequest\n    id  int31\n" RESPONSE, "test.api:4: unknown type int31"},
        {HEAD "\nrequest\n    id\n" RESPONSE, "test.api:4: the type is missing"},
        {HEAD "\nrequest\n   id  int32\n" RESPONSE, "test.api:4: indentation goes by 4"},
        {HEAD "\nrequest\n        id  int32\n" RESPONSE, "test.api:4: no struct is open"},
        {HEAD "\nrequest\n    ids  []uuid\n" RESPONSE, "test.api:4: there are no arrays of uuid"},
        {HEAD "\nrequest\n    id  int32  4+\n" RESPONSE, "test.api:4: \"4+\" is no range"},
        {HEAD "\nrequest\n    id  int32  optional\n" RESPONSE, "test.api:4: unknown word \"optional\""},
        {HEAD "\nrequest\n    id  string  default null\n" RESPONSE, "test.api:4: id cannot be null"},
        {HEAD "\nrequest\n    id  int32  tag 1\n" RESPONSE, "test.api:4: tag 0 of test_request"},
        {HEAD "\nrequest\n    ids[]\n        id  int32  1+\n" RESPONSE, "test.api:4: elements of ids are empty"},
        {HEAD "\nrequest\n    id  int32\n", "test.api:4: request or response is missing"},
        {HEAD "\nrequest" RESPONSE, "test.api:0: test_request has no fields"},
    };
    char said[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_EQUAL(compile(cases[i].schema, said), 1);
        if (strncmp(said, cases[i].said, strlen(cases[i].said)) != 0) {
            fprintf(stderr, "expected %s, but got %s\n", cases[i].said, said);
            CU_FAIL("see stderr");
        }
    }
}

int main(void)
{
    static const struct suite_test tests[] = {{"a good schema", check_good}, {"mistakes", check_mistakes}};
    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = suite_run("net_protocol/compile_api", tests, sizeof tests / sizeof tests[0]);
    static const char *const names[] = {"test.h", "test.c", "test.md", "test.api"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = memory_format("%s/%s", folder, names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(folder) != 0 || failed;
}
