// SPDX-License-Identifier: Apache-2.0
#include "net/tls/key_store.h"

#include <openssl/crypto.h>
#include <string.h>

void pem_text_destroy(char **text)
{
    if (*text != NULL)
        OPENSSL_cleanse(*text, strlen(*text));
    OPENSSL_free(*text);
    *text = NULL;
}
