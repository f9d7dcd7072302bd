// SPDX-License-Identifier: Apache-2.0
// ssl.principal.mapping.rules: the first line is the rules, each line after it a distinguished name.
#include "server/security/principal_mapper.h"
#include "test/fuzz/fuzz_input.h"

#include <assert.h>
#include <stdlib.h>

enum { NAMES_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = view_dup(view_of(size > 0 ? data : (const uint8_t *)"", size)), *rest = text;
    char *rules = strsep(&rest, "\n"), *reason = NULL, *name;
    struct principal_mapper *mapper = principal_mapper_create(rules, &reason);
    assert((mapper == NULL) == (reason != NULL));
    for (int i = 0; mapper != NULL && i < NAMES_MAX && (name = strsep(&rest, "\n")) != NULL; i++) {
        char *principal = principal_mapper_apply(mapper, name, &reason);
        assert((principal == NULL) == (reason != NULL));
        free(principal);
        free(reason);
        reason = NULL;
    }
    free(reason);
    principal_mapper_destroy(&mapper);
    free(text);
    return 0;
}
