// SPDX-License-Identifier: Apache-2.0
#include "server/controller/config_admin.h"

#include "test/unit/suite.h"

#include <stdlib.h>

static struct properties overrides;

static char *apply(enum config_operation operation, const char *name, const char *value)
{
    const struct config_change change = {view_of_string(name), view_of_string(value), (int8_t)operation};
    return config_change_apply(&change, OPTION_SCOPE_TOPIC, &overrides);
}

static void expect_list(const char *expected)
{
    CU_ASSERT_STRING_EQUAL(properties_get(&overrides, "cleanup.policy"), expected);
}

static void changes_lists(void)
{
    // The default, delete, is what is appended to.
    CU_ASSERT_PTR_NULL(apply(CONFIG_APPEND, "cleanup.policy", "compact"));
    expect_list("delete,compact");
    CU_ASSERT_PTR_NULL(apply(CONFIG_APPEND, "cleanup.policy", "compact"));
    expect_list("delete,compact");
    CU_ASSERT_PTR_NULL(apply(CONFIG_SUBTRACT, "cleanup.policy", "delete"));
    expect_list("compact");
    CU_ASSERT_PTR_NULL(apply(CONFIG_SUBTRACT, "cleanup.policy", "compact"));
    expect_list("");
    properties_fini(&overrides);
}

static void sets_and_deletes(void)
{
    CU_ASSERT_PTR_NULL(apply(CONFIG_SET, "retention.ms", "1000"));
    CU_ASSERT_STRING_EQUAL(properties_get(&overrides, "retention.ms"), "1000");
    CU_ASSERT_PTR_NULL(apply(CONFIG_DELETE, "retention.ms", NULL));
    CU_ASSERT_PTR_NULL(properties_get(&overrides, "retention.ms"));
    CU_ASSERT_PTR_NULL(apply(CONFIG_DELETE, "retention.ms", NULL));
    properties_fini(&overrides);
}

static void refuses_lists_of_what_is_none(void)
{
    char *message = apply(CONFIG_APPEND, "retention.ms", "1");
    CU_ASSERT_STRING_EQUAL(message, "Config value append is not allowed for config key: retention.ms");
    free(message);
    message = apply(CONFIG_SUBTRACT, "nonsense", "1");
    CU_ASSERT_STRING_EQUAL(message, "Unknown config name: nonsense");
    free(message);
    properties_fini(&overrides);
}

SUITE_MAIN("server/controller/config_admin", {"changes lists", changes_lists}, {"sets and deletes", sets_and_deletes},
           {"refuses lists of what is none", refuses_lists_of_what_is_none})
