// SPDX-License-Identifier: Apache-2.0
// Which of several key entries Java would serve. Its key manager (SunX509) keeps them in a HashMap by alias and offers
// the first of the algorithm that the peer asks for; peers ask for EC first, then RSA.
#ifndef NET_TLS_KEY_CHOICE_H
#define NET_TLS_KEY_CHOICE_H

#include "net/tls/store.h"

// The index of the entry to take, among key entries with a certificate. Returns false when there is none.
bool key_choice(const struct store *store, size_t *index);

#endif
