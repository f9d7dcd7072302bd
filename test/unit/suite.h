// SPDX-License-Identifier: Apache-2.0
// The frame of a unit test program: SUITE_MAIN("log/segment", {"name", function}, …) runs one CUnit suite and fails the
// process when an assertion failed.
#ifndef TEST_UNIT_SUITE_H
#define TEST_UNIT_SUITE_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stddef.h>

struct suite_test {
    const char *name;
    void (*run)(void);
};

static inline int suite_run(const char *suite_name, const struct suite_test *tests, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    for (size_t i = 0; suite != NULL && i < count; i++) {
        if (CU_add_test(suite, tests[i].name, tests[i].run) == NULL)
            return 1;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_ErrorCode error = CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return error != CUE_SUCCESS || failures > 0;
}

#define SUITE_MAIN(suite_name, ...)                                                                                    \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        static const struct suite_test tests[] = {__VA_ARGS__};                                                        \
        return suite_run(suite_name, tests, sizeof tests / sizeof tests[0]);                                           \
    }

#endif
