// SPDX-License-Identifier: Apache-2.0
#include "server/security/principal_mapper.h"

#include "test/unit/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The name that the rules give; NULL: no rule applies, or failure.
static void expect(const char *rules, const char *distinguished_name, const char *name)
{
    char *reason = NULL;
    struct principal_mapper *mapper = principal_mapper_create(rules, &reason);
    CU_ASSERT_PTR_NOT_NULL(mapper);
    if (mapper == NULL) {
        printf("%s: %s\n", rules, reason);
        free(reason);
        return;
    }
    char *found = principal_mapper_apply(mapper, distinguished_name, &reason);
    bool is_same = name == NULL ? found == NULL && reason != NULL : found != NULL && strcmp(found, name) == 0;
    CU_ASSERT_TRUE(is_same);
    if (!is_same)
        printf("%s: %s gives %s (%s)\n", rules, distinguished_name, found ? found : "nothing", reason ? reason : "");
    free(found);
    free(reason);
    principal_mapper_destroy(&mapper);
}

static void expect_refusal(const char *rules, const char *words)
{
    char *reason = NULL;
    struct principal_mapper *mapper = principal_mapper_create(rules, &reason);
    CU_ASSERT_PTR_NULL(mapper);
    CU_ASSERT_PTR_NOT_NULL(reason);
    if (mapper != NULL || (reason != NULL && strstr(reason, words) == NULL)) {
        printf("%s: %s\n", rules, reason ? reason : "accepted");
        CU_FAIL("another reason");
    }
    free(reason);
    principal_mapper_destroy(&mapper);
}

#define DOCUMENTED                                                                                                     \
    "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, "                                                                          \
    "RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L, "                                              \
    "RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L, "                                                                       \
    "DEFAULT"

static void maps_as_the_documentation_says(void)
{
    expect(DOCUMENTED, "CN=serviceuser,OU=ServiceUsers,O=Unknown,L=Unknown,ST=Unknown,C=Unknown", "serviceuser");
    expect(DOCUMENTED, "CN=adminUser,OU=Admin,O=Unknown,L=Unknown,ST=Unknown,C=Unknown", "adminuser@admin");
    expect(DOCUMENTED, "OU=People,CN=Some.One", "some.one");
    expect(DOCUMENTED, "OU=JavaUsers,C=US", "OU=JavaUsers,C=US");
    expect("DEFAULT", "CN=a,O=b", "CN=a,O=b");
    expect("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/", "CN=duke,OU=JavaSoft,O=Sun", NULL);
}

static void changes_letters(void)
{
    expect("RULE:^CN=(.*?),.*$/$1/U", "CN=duke,OU=x", "DUKE");
    expect("RULE:^CN=(.*?),.*$/$1@X/L", "CN=Duke,OU=x", "duke@x");
    expect("RULE:^CN=(.*?),.*$/$1/U", "CN=m\u00fcller\u4e2d,OU=x", "M\u00dcLLER\u4e2d");
    expect("RULE:^CN=(.*?),.*$/$1/L", "CN=\u0416\u00c9,OU=x", "\u0436\u00e9");
}

static void takes_the_first_rule_that_matches_all_of_the_name(void)
{
    expect("RULE:CN=(.*)/one/, RULE:.*/two/", "CN=a", "one");
    expect("RULE:CN=/one/, RULE:.*b/two/", "CN=ab", "two");
    expect("RULE:^CN=x$/one/,,DEFAULT,", "CN=ab", "CN=ab");
    expect("  DEFAULT  ", "CN=ab", "CN=ab");
    expect("", "CN=ab", NULL);
    expect(" , ", "CN=ab", NULL);
}

static void splits_at_commas_outside_of_rules(void)
{
    expect("RULE:^CN=(.*?),OU=(.*?)$/$1,$2/L,DEFAULT", "CN=A,OU=B", "a,b");
    expect("RULE:^cn=(.*?),ou=(.*?),dc=(.*?),dc=(.*?)$/$1@$2/U,RULE:(.*)x/$1/", "cn=a,ou=b,dc=c,dc=d", "A@B");
    expect("RULE:a\\/(.*)/$1\\/$1/", "a/b", "b/b");
}

static void replaces_as_java_does(void)
{
    expect("RULE:CN=(a)(b)?/$1-$2./", "CN=a", "a-.");
    expect("RULE:CN=(.*)/\\$1/", "CN=a", "$1");
    expect("RULE:CN=(.*)/$1@$2/", "CN=a", "a@$2"); // there is no group 2: meant literally
    expect("RULE:CN=(.*)/$12/", "CN=a", "a2");     // group 1 and a 2
    expect("RULE:CN=(.*)/$0/", "CN=a", "CN=a");
    expect("RULE:CN=.*/$1/", "CN=a", NULL); // as in Kafka, when there is no group at all
    expect("RULE:CN=(?<user>.*)/${user}!/", "CN=a", "a!");
    expect("RULE:CN=(.*)/${user}/", "CN=a", NULL);
    expect("RULE:CN=(.*)/$x/", "CN=a", NULL);
    expect("RULE:(.*)/<$1>/", "ab", "<ab><>"); // all matches are replaced, the empty one at the end too
    expect("RULE:[ab]+?/x/", "ab", "xx");
    expect("RULE:CN=(.*)//", "CN=a", "");
}

static void reads_java_patterns(void)
{
    expect("RULE:^CN=(\\w+)\\d,.*$/$1/", "CN=duke7,OU=x", "duke");
    expect("RULE:(?i)^cn=([^,]+).*$/$1/", "CN=Duke,OU=x", "Duke");
    expect("RULE:^CN=([\\p{Alpha}]+),.*$/$1/", "CN=Duke,OU=x", "Duke");
}

static void refuses_what_is_no_rule(void)
{
    static const char *const rules[] = {
        "default",
        "DEFAUL",
        "DEFAULT/L",
        "DEFAULT/U",
        "RULE:CN=(.*?),OU=ServiceUsers.*/$1",
        "rule:^CN=(.*?),OU=ServiceUsers.*$/$1/",
        "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L/U",
        "RULE:^CN=(.*?),OU=ServiceUsers.*$/L",
        "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/X",
        "RULE:^CN=(.*?),OU=ServiceUsers.*$",
        "RULE:^CN=(.*?) $1/L",
        "RULE:^CN=(.*?)/LU",
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        expect_refusal(rules[i], "Invalid rule: `");
    expect_refusal("foo", "Invalid rule: `foo`, unmatched substring: `foo`");
    expect_refusal("RULE:a/b/Lxyz", "unmatched substring: `xyz`");
    expect_refusal("RULE:(a/b/", "missing closing parenthesis");
}

static void says_which_rules_failed(void)
{
    char *reason = NULL;
    struct principal_mapper *mapper = principal_mapper_create("RULE:^x$/y/L,RULE:z/z/", &reason);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mapper);
    CU_ASSERT_PTR_NULL(principal_mapper_apply(mapper, "CN=a", &reason));
    CU_ASSERT_STRING_EQUAL(reason, "No rules apply to CN=a, rules [RULE:^x$/y/L, RULE:z/z]");
    free(reason);
    principal_mapper_destroy(&mapper);
}

// A pattern that goes back and forth without end costs a moment, and the client its connection.
static void bounds_a_match(void)
{
    char name[2100] = "CN=";
    memset(name + 3, 'a', 2000);
    name[2003] = '!';
    expect("RULE:CN=(a+)+$/$1/,DEFAULT", name, NULL);
    expect("DEFAULT", "CN=\xff\xfe", "CN=\xff\xfe");
    expect("RULE:(.*)/$1/L", "CN=\xff\xfe", NULL); // no UTF-8
}

SUITE_MAIN("server/security/principal_mapper", {"maps as the documentation says", maps_as_the_documentation_says},
           {"changes letters", changes_letters},
           {"takes the first rule that matches all of the name", takes_the_first_rule_that_matches_all_of_the_name},
           {"splits at commas outside of rules", splits_at_commas_outside_of_rules},
           {"replaces as Java does", replaces_as_java_does}, {"reads Java patterns", reads_java_patterns},
           {"refuses what is no rule", refuses_what_is_no_rule}, {"says which rules failed", says_which_rules_failed},
           {"bounds a match", bounds_a_match})
