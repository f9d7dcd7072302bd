// SPDX-License-Identifier: Apache-2.0
// Key stores and trust stores as Apache Kafka's ssl.keystore.* and ssl.truststore.* name them: JKS (the old binary
// format), PKCS12 (old ciphers too), and PEM, as files or inline. What a file is, its content says, as in Java: a file
// declared as JKS may be PKCS12 and the other way round; only PEM has to be declared.
// All functions may be called from any thread; none keeps anything of what it is given. They do file input and key
// derivation, which takes up to seconds: not for poll threads. Secrets are cleansed from memory after use.
#ifndef NET_TLS_KEY_STORE_H
#define NET_TLS_KEY_STORE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct tls_key_store;
struct tls_trust_store;

// What a broker or client shows of itself. The certificate belongs to the key and is valid now.
struct key_identity {
    EVP_PKEY *key;
    X509 *certificate;
    STACK_OF(X509) * chain; // issuers that go with it, nearest first, the certificate not among them; maybe empty
    char *entry;            // for messages: where it was found, as `entry "broker" of /etc/kafka/broker.jks`
};

// Loads the key and its certificates. Returns 0; -ENOENT with nothing in reason when the settings name no key store at
// all; or another -errno, with a sentence in reason (free it) that names file, entry, what is wrong with it and what
// to do: -EINVAL for settings that contradict each other (worded by Apache Kafka), -EACCES for a wrong or missing
// password, -EBADMSG for contents that are damaged or not a key store, -EKEYREJECTED for a key that does not belong to
// its certificate, -ENOTSUP for ciphers that OpenSSL does not have, -EKEYEXPIRED for a certificate that has expired or
// is not valid yet, -ENOKEY when there is no key entry, and what the file system said. The identity is untouched on
// failure.
//
// Of several key entries the one is taken that Java's key manager would offer first: EC before RSA before others, and
// among those of one algorithm the order of Java's HashMap of aliases. As in Java, the key password has to open every
// key entry.
int key_store_load(const struct tls_key_store *settings, struct key_identity *identity, char **reason)
    __attribute__((warn_unused_result));

void key_identity_fini(struct key_identity *identity);

// Loads the certificates to trust: trusted certificate entries, and the own certificates of key entries, as in Java.
// A trusted certificate need not be self-signed nor an authority: verify with X509_V_FLAG_PARTIAL_CHAIN. Returns 0 with
// at least one certificate (free with sk_X509_pop_free(…, X509_free)); -ENOENT with nothing in reason when the settings
// name no trust store (Java then trusts the system's authorities); or errors as key_store_load gives them.
int trust_store_load(const struct tls_trust_store *settings, STACK_OF(X509) * *certificates, char **reason)
    __attribute__((warn_unused_result));

// As PEM text for librdkafka's ssl.key.pem (PKCS#8, not encrypted), ssl.certificate.pem (own certificate first, then
// the chain) and ssl.ca.pem. Free with pem_text_destroy, which cleanses. Returns 0 or -ENOMEM.
int key_identity_write_pem(const struct key_identity *identity, char **key, char **certificates)
    __attribute__((warn_unused_result));
int trust_store_write_pem(STACK_OF(X509) * certificates, char **text) __attribute__((warn_unused_result));
void pem_text_destroy(char **text);

#endif
