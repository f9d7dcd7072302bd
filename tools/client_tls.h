// SPDX-License-Identifier: Apache-2.0
// Makes librdkafka's TLS connections like those of net/tls: the same identity, trusted certificates, protocols and
// ciphers, from the same settings. librdkafka reads no JKS, drops the issuers in a PKCS12 file, cannot restrict
// protocols, and trusts no certificate of a broker by itself.
#ifndef TOOLS_CLIENT_TLS_H
#define TOOLS_CLIENT_TLS_H

#include "tools/tls_client_settings.h"

#include <librdkafka/rdkafka.h>

// Zeroed is a client without TLS.
struct client_tls {
    int certificates_fd;       // what librdkafka reads the own certificates from; -1: there are none
    _Atomic(char *) complaint; // what was wrong with a broker's certificate last
};

// Loads the stores and sets the configuration; before rd_kafka_new. Returns false with a message for people in *error,
// to be freed, that names file and reason.
bool client_tls_apply(const struct tls_client_settings *settings, rd_kafka_conf_t *conf, struct client_tls *tls,
                      char **error) __attribute__((warn_unused_result));

// For rd_kafka_conf_set_ssl_cert_verify_cb's callback: keeps why a certificate of the broker did not verify. From any
// thread.
void client_tls_note_certificate(struct client_tls *tls, int x509_error, const void *der, size_t size);

// What was wrong with the broker's certificate when a handshake failed last, or NULL; to be freed. Asked once, it is
// forgotten.
char *client_tls_take_complaint(struct client_tls *tls);

#endif
