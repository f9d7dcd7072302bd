// SPDX-License-Identifier: Apache-2.0
// Every way in which a store can be wrong gives a sentence with the file, the entry where there is one, the reason and
// what to do.
#include "net/tls/key_store.h"

#include "net/tls/tls_settings.h"
#include "test/unit/net_tls/stores.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_reason(const char *name, int error, int error_expected, char *reason, const char *expected)
{
    if (error != -error_expected || reason == NULL || strcmp(reason, expected) != 0)
        fprintf(stderr, "%s: %d\n  got      %s\n  expected %s\n", name, error, reason, expected);
    CU_ASSERT_EQUAL(error, -error_expected);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reason);
    CU_ASSERT_STRING_EQUAL(reason, expected);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    free(reason);
}

struct key_case {
    const char *type, *file, *password, *key_password;
    int error;
    const char *reason; // behind "ssl.keystore.location PATH"
};

static const struct key_case key_cases[] = {
    {"JKS", "missing.jks", "x", NULL, ENOENT, ": the file does not exist; check ssl.keystore.location"},
    {"PEM", "missing.pem", NULL, NULL, ENOENT, ": the file does not exist; check ssl.keystore.location"},
    {"JKS", ".", "x", NULL, EISDIR, ": the file cannot be read: Is a directory; check the path and its permissions"},
    {"JKS", "keytool.jks", "wrong", NULL, EACCES,
     " (JKS): the password is wrong, or the file is damaged or cut short; check ssl.keystore.password"},
    {"JKS", "keytool-key-password.jks", STORE_SECRET, NULL, EACCES,
     " (JKS): entry \"broker\" does not open: the key password is wrong; check ssl.key.password, or without it "
     "ssl.keystore.password"},
    {"JKS", "keytool-key-password.jks", STORE_SECRET, "wrong", EACCES,
     " (JKS): entry \"broker\" does not open: the key password is wrong; check ssl.key.password"},
    {"PKCS12", "keytool.p12", "wrong", NULL, EACCES,
     " (PKCS12): the password is wrong, or the file is damaged; check ssl.keystore.password"},
    {"JKS", "keytool-is-pkcs12.jks", "wrong", NULL, EACCES,
     " (PKCS12): the password is wrong, or the file is damaged; check ssl.keystore.password"},
    {"PKCS12", "openssl-empty-password.p12", "wrong", NULL, EACCES,
     " (PKCS12): the password is wrong, or the file is damaged; check ssl.keystore.password"},
    {"PKCS12", "openssl-legacy.p12", "", NULL, EACCES,
     " (PKCS12): the password is wrong, or the file is damaged; check ssl.keystore.password"},
    {"PKCS12", "openssl-nomac.p12", "wrong", NULL, EACCES,
     " (PKCS12): entry \"broker\" does not open: the key password is wrong, or the key is damaged (bad decrypt); check "
     "ssl.key.password, or without it ssl.keystore.password"},
    {"PKCS12", "java-key-password.p12", STORE_SECRET, NULL, EACCES,
     " (PKCS12): entry \"broker\" does not open: the key password is wrong, or the key is damaged (bad decrypt); check "
     "ssl.key.password, or without it ssl.keystore.password"},
    {"PKCS12", "java-key-password.p12", STORE_SECRET, "wrong", EACCES,
     " (PKCS12): entry \"broker\" does not open: the key password is wrong, or the key is damaged (bad decrypt); check "
     "ssl.key.password"},
    {"JKS", "keytool-trust.jks", STORE_SECRET, NULL, ENOKEY,
     " (JKS): there is no private key entry, but 2 trusted certificates; make one with keytool -genkeypair or keytool "
     "-importkeystore"},
    {"PKCS12", "keytool-trust.p12", STORE_SECRET, NULL, ENOKEY,
     " (PKCS12): there is no private key entry, but 2 trusted certificates; make one with keytool -genkeypair or "
     "keytool -importkeystore"},
    {"JKS", "java-empty.jks", STORE_SECRET, NULL, ENOKEY,
     " (JKS): there is no private key entry, but 0 trusted certificates; make one with keytool -genkeypair or keytool "
     "-importkeystore"},
    {"PKCS12", "java-empty.p12", STORE_SECRET, NULL, ENOKEY,
     " (PKCS12): there is no private key entry, but 0 trusted certificates; make one with keytool -genkeypair or "
     "keytool -importkeystore"},
    {"JKS", "expired.jks", STORE_SECRET, NULL, EKEYEXPIRED,
     " (JKS): entry \"broker\": the certificate (CN=expired,O=Barnabas) expired at 2020-01-31T00:00:00Z; renew it"},
    {"PKCS12", "expired.p12", STORE_SECRET, NULL, EKEYEXPIRED,
     " (PKCS12): entry \"broker\": the certificate (CN=expired,O=Barnabas) expired at 2020-01-31T00:00:00Z; renew it"},
    {"PEM", "expired.pem", NULL, NULL, EKEYEXPIRED,
     " (PEM): certificate 1: the certificate (CN=expired,O=Barnabas) expired at 2020-01-31T00:00:00Z; renew it"},
    {"JKS", "future.jks", STORE_SECRET, NULL, EKEYEXPIRED,
     " (JKS): entry \"broker\": the certificate (CN=future,O=Barnabas) is not valid before 2200-01-01T00:00:00Z; check "
     "the clock or wait"},
    {"PKCS12", "future.p12", STORE_SECRET, NULL, EKEYEXPIRED,
     " (PKCS12): entry \"broker\": the certificate (CN=future,O=Barnabas) is not valid before 2200-01-01T00:00:00Z; "
     "check the clock or wait"},
    {"JKS", "java-mismatched.jks", STORE_SECRET, NULL, EKEYREJECTED,
     " (JKS): entry \"mixed-up\": the private key does not belong to the certificate "
     "(O=Barnabas,CN=broker.example.com); put a key and its own certificate together"},
    {"PEM", "mismatched.pem", NULL, NULL, EKEYREJECTED,
     " (PEM): certificate 1: the private key does not belong to the certificate (O=Barnabas,CN=broker.example.com); "
     "put a key and its own certificate together"},
    {"PEM", "misordered.pem", NULL, NULL, EKEYREJECTED,
     " (PEM): certificate 1: the private key belongs to certificate 2 of the chain, not to the first "
     "(O=Barnabas,CN=Test Intermediate); put its own certificate first"},
    {"PEM", "gap.pem", NULL, NULL, EBADMSG,
     " (PEM): certificate 2 (O=Barnabas,CN=Test Root) did not issue certificate 1; write the chain in order, own "
     "certificate first"},
    {"JKS", "keytool.jceks", STORE_SECRET, NULL, EBADMSG,
     ": the file is a JCEKS store, which is not supported; convert it with keytool -importkeystore -deststoretype "
     "PKCS12"},
    {"JKS", "broker.pem", STORE_SECRET, NULL, EBADMSG, ": the file is PEM text; set ssl.keystore.type=PEM"},
    {"PEM", "keytool.jks", NULL, NULL, EBADMSG,
     ": the file is not PEM text but looks like a JKS store; set ssl.keystore.type accordingly"},
    {"PEM", "keytool.p12", NULL, NULL, EBADMSG,
     ": the file is not PEM text but looks like a PKCS12 store; set ssl.keystore.type accordingly"},
    {"PKCS12", "root.der", STORE_SECRET, NULL, EBADMSG,
     " (PKCS12): the file is a single certificate (DER), not a key store; import it into one with keytool -importcert"},
    {"JKS", "make_stores.sh", STORE_SECRET, NULL, EBADMSG,
     ": the format is not known: the file is neither JKS, PKCS12 nor PEM"},
    {"PEM", "make_stores.sh", NULL, NULL, ENOKEY,
     " (PEM): there is no private key; add it as PKCS#8 (BEGIN PRIVATE KEY or BEGIN ENCRYPTED PRIVATE KEY)"},
    {"PKCS12", "openssl-iterations.p12", STORE_SECRET, NULL, EBADMSG,
     " (PKCS12): entry \"broker\" asks for a number of key derivation rounds outside of 1 to 5000000; make the store "
     "again with "
     "fewer"},
    {"PEM", "broker-encrypted.pem", NULL, NULL, EACCES,
     " (PEM): the private key is encrypted and no key password is given; set ssl.key.password"},
    {"PEM", "broker-encrypted.pem", NULL, "wrong", EACCES,
     " (PEM): the private key does not open: the key password is wrong, or the key is damaged (bad decrypt); check "
     "ssl.key.password"},
    {"PEM", "broker.pem", NULL, KEY_SECRET, EINVAL,
     " (PEM): the private key is not encrypted, but ssl.key.password is set; encrypt the key or take the password "
     "away"},
    {"PEM", "root.pem", NULL, NULL, ENOKEY,
     " (PEM): there is no private key; add it as PKCS#8 (BEGIN PRIVATE KEY or BEGIN ENCRYPTED PRIVATE KEY)"},
    {"PEM", "broker-key.pem", NULL, NULL, EBADMSG,
     " (PEM): there is no certificate; at least one is expected (BEGIN CERTIFICATE)"},
    {"PEM", "broker-key-scrypt.pem", NULL, KEY_SECRET, EBADMSG,
     " (PEM): the private key is encrypted with a key derivation other than PBKDF2; make it again with PBKDF2"},
    {"PEM", "broker-key-old-encrypted.pem", NULL, KEY_SECRET, EBADMSG,
     " (PEM): the private key is encrypted in OpenSSL's old form; write it as PKCS#8 with openssl pkcs8 -topk8"},
};

static void check_key_store(const struct key_case *test, const char *path)
{
    struct tls_key_store settings = {
        .type = test->type, .location = path, .password = test->password, .key_password = test->key_password};
    struct key_identity identity = {.entry = NULL};
    char *reason = NULL, *expected = memory_format("ssl.keystore.location %s%s", path, test->reason);
    int error = key_store_load(&settings, &identity, &reason);
    check_reason(test->file, error, test->error, reason, expected);
    CU_ASSERT_PTR_NULL(identity.key);
    CU_ASSERT_PTR_NULL(identity.entry);
    free(expected);
}

static void key_stores_say_what_is_wrong(void)
{
    for (size_t i = 0; i < sizeof key_cases / sizeof key_cases[0]; i++) {
        char *path = store_path(key_cases[i].file);
        check_key_store(&key_cases[i], path);
        free(path);
    }
}

static void trust_stores_say_what_is_wrong(void)
{
    static const struct key_case cases[] = {
        {"JKS", "missing.jks", "x", NULL, ENOENT, ": the file does not exist; check ssl.truststore.location"},
        {"JKS", "keytool-trust.jks", "wrong", NULL, EACCES,
         " (JKS): the password is wrong, or the file is damaged or cut short; check ssl.truststore.password"},
        {"PKCS12", "keytool-trust.p12", "wrong", NULL, EACCES,
         " (PKCS12): the password is wrong, or the file is damaged; check ssl.truststore.password"},
        {"PKCS12", "keytool-trust.p12", NULL, NULL, EACCES,
         " (PKCS12): its entries are encrypted and no password is given; set ssl.truststore.password"},
        {"PKCS12", "openssl-trust.p12", STORE_SECRET, NULL, EBADMSG,
         " (PKCS12): there is no trusted certificate entry; add the authority's certificate with keytool -importcert "
         "(a PKCS12 file made by openssl marks none as trusted)"},
        {"JKS", "java-empty.jks", STORE_SECRET, NULL, EBADMSG,
         " (JKS): there is no trusted certificate entry; add the authority's certificate with keytool -importcert (a "
         "PKCS12 file made by openssl marks none as trusted)"},
        {"PEM", "broker-key.pem", NULL, NULL, EBADMSG,
         " (PEM): there is no certificate; at least one is expected (BEGIN CERTIFICATE)"},
        {"PEM", "expired-trust.pem", NULL, NULL, EKEYEXPIRED,
         " (PEM): none of the trusted certificates is valid now: the certificate (CN=expired,O=Barnabas) expired at "
         "2020-01-31T00:00:00Z; renew it"},
        {"PKCS12", "trust.pem", STORE_SECRET, NULL, EBADMSG, ": the file is PEM text; set ssl.truststore.type=PEM"},
        {"PEM", "keytool-trust.p12", NULL, NULL, EBADMSG,
         ": the file is not PEM text but looks like a PKCS12 store; set ssl.truststore.type accordingly"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = store_path(cases[i].file), *reason = NULL;
        struct tls_trust_store settings = {.type = cases[i].type, .location = path, .password = cases[i].password};
        STACK_OF(X509) *certificates = NULL;
        char *expected = memory_format("ssl.truststore.location %s%s", path, cases[i].reason);
        int error = trust_store_load(&settings, &certificates, &reason);
        check_reason(cases[i].file, error, cases[i].error, reason, expected);
        CU_ASSERT_PTR_NULL(certificates);
        free(expected);
        free(path);
    }
}

// Apache Kafka's sentences.
static void settings_must_not_contradict_each_other(void)
{
    static const struct {
        struct tls_key_store settings;
        const char *reason;
    } key_stores[] = {
        {{.type = "JKS", .key = "k"}, "SSL private key can be specified only for PEM, but key store type is JKS."},
        {{.type = "PEM", .key = "k"}, "SSL private key is specified, but certificate chain is not specified."},
        {{.type = "PEM", .key = "k", .certificate_chain = "c", .location = "l"},
         "Both SSL key store location and separate private key are specified."},
        {{.type = "PEM", .key = "k", .certificate_chain = "c", .password = "p"},
         "SSL key store password cannot be specified with PEM format, only key password may be specified."},
        {{.type = "PEM", .certificate_chain = "c"},
         "SSL certificate chain is specified, but private key is not specified"},
        {{.type = "PEM", .location = "l", .password = "p"},
         "SSL key store password cannot be specified with PEM format, only key password may be specified."},
        {{.type = "JKS", .password = "p"}, "SSL key store is not specified, but key store password is specified."},
        {{.type = "JKS", .location = "l"}, "SSL key store is specified, but key store password is not specified."},
        {{.type = "BCFKS", .location = "l", .password = "p"},
         "ssl.keystore.type=BCFKS: the type is not supported; JKS, PKCS12 and PEM are"},
        {{.type = "pem", .location = "l", .password = "p"},
         "ssl.keystore.type=pem: the type is not supported; JKS, PKCS12 and PEM are"},
    };
    for (size_t i = 0; i < sizeof key_stores / sizeof key_stores[0]; i++) {
        struct key_identity identity;
        char *reason = NULL;
        int error = key_store_load(&key_stores[i].settings, &identity, &reason);
        check_reason("settings", error, EINVAL, reason, key_stores[i].reason);
    }
    static const struct {
        struct tls_trust_store settings;
        const char *reason;
    } trust_stores[] = {
        {{.certificates = "c"}, "SSL trust store certs can be specified only for PEM, but trust store type is JKS."},
        {{.type = "PEM", .certificates = "c", .location = "l"},
         "Both SSL trust store location and separate trust certificates are specified."},
        {{.type = "PEM", .certificates = "c", .password = "p"},
         "SSL trust store password cannot be specified for PEM format."},
        {{.type = "PEM", .location = "l", .password = "p"},
         "SSL trust store password cannot be specified for PEM format."},
        {{.type = "JKS", .password = "p"}, "SSL trust store is not specified, but trust store password is specified."},
        {{.type = "Windows-ROOT", .location = "l"},
         "ssl.truststore.type=Windows-ROOT: the type is not supported; JKS, PKCS12 and PEM are"},
    };
    for (size_t i = 0; i < sizeof trust_stores / sizeof trust_stores[0]; i++) {
        STACK_OF(X509) * certificates;
        char *reason = NULL;
        int error = trust_store_load(&trust_stores[i].settings, &certificates, &reason);
        check_reason("settings", error, EINVAL, reason, trust_stores[i].reason);
    }
}

static void pem_inline_says_what_is_wrong(void)
{
    static const struct {
        const char *key, *chain;
        int error;
        const char *reason;
    } cases[] = {
        {"nothing", "c", ENOKEY,
         "ssl.keystore.key (PEM): there is no private key; add it as PKCS#8 (BEGIN PRIVATE KEY or BEGIN ENCRYPTED "
         "PRIVATE KEY)"},
        {"-----BEGIN PRIVATE KEY----- MIIB", "c", EBADMSG,
         "ssl.keystore.key (PEM): the text is cut short or damaged: the part 1 has no matching END line; copy it "
         "again"},
        {"-----BEGIN PRIVATE KEY----- MI*B -----END PRIVATE KEY-----", "c", EBADMSG,
         "ssl.keystore.key (PEM): the private key is damaged: it is not base64; copy it again"},
        {"-----BEGIN PRIVATE KEY----- MIIB -----END PRIVATE KEY-----", "c", EBADMSG,
         "ssl.keystore.key (PEM): the private key is damaged: it is not PKCS#8 (header too long); write it again with "
         "openssl "
         "pkcs8 -topk8"},
        {"-----BEGIN PRIVATE KEY----- MIIB -----END PRIVATE KEY----- -----BEGIN RSA PRIVATE KEY----- MIIB -----END RSA "
         "PRIVATE KEY-----",
         "c", EBADMSG, "ssl.keystore.key (PEM): expected one private key, but found 2; keep the one to use"},
        {"-----BEGIN DSA PRIVATE KEY----- MIIB -----END DSA PRIVATE KEY-----", "c", EBADMSG,
         "ssl.keystore.key (PEM): a private key of the kind DSA PRIVATE KEY cannot be used; write it as PKCS#8 with "
         "openssl pkcs8 -topk8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_key_store settings = {.type = "PEM", .key = cases[i].key, .certificate_chain = cases[i].chain};
        struct key_identity identity;
        char *reason = NULL;
        int error = key_store_load(&settings, &identity, &reason);
        check_reason(cases[i].key, error, cases[i].error, reason, cases[i].reason);
    }
    size_t size;
    char *key = store_bytes("broker-key.pem", &size), *reason = NULL;
    struct tls_key_store settings = {.type = "PEM", .key = key};
    struct key_identity identity;
    settings.certificate_chain = "-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----";
    int error = key_store_load(&settings, &identity, &reason);
    check_reason(
        "chain", error, EBADMSG, reason,
        "ssl.keystore.certificate.chain (PEM): certificate 1 is no X.509 certificate (header too long); import it "
        "again");
    free(key);
}

// In a process of its own, where OpenSSL finds no legacy provider.
static void old_ciphers_need_the_legacy_provider(void)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("OPENSSL_MODULES", "/nonexistent", 1);
        char *path = store_path("openssl-legacy.p12"), *reason = NULL;
        struct tls_key_store settings = {.type = "PKCS12", .location = path, .password = STORE_SECRET};
        struct key_identity identity;
        int error = key_store_load(&settings, &identity, &reason);
        bool is_named = error == -ENOTSUP && strstr(reason, "is encrypted with pbeWithSHA1And40BitRC2-CBC, for which "
                                                            "OpenSSL's legacy provider is missing") != NULL;
        if (!is_named)
            fprintf(stderr, "%d %s\n", error, reason);
        _exit(is_named ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

// Empty, cut short, and without the permission to read it (which root does not need).
static void files_on_disk_say_what_is_wrong(void)
{
    char folder[] = "/tmp/key_store_XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    char *path = memory_format("%s/store", folder);
    size_t size;
    char *bytes = store_bytes("keytool.p12", &size);
    static const struct key_case empty = {"JKS", "empty", "x",
                                          NULL,  EBADMSG, ": the file is empty; copy or make it again"};
    static const struct key_case cut = {
        "JKS", "cut",   STORE_SECRET,
        NULL,  EBADMSG, " (PKCS12): the file is cut short, damaged, or not PKCS12; copy or make it again"};
    static const struct key_case closed = {
        "JKS", "closed", STORE_SECRET,
        NULL,  EACCES,   ": the file cannot be read: Permission denied; check the path and its permissions"};
    CU_ASSERT_EQUAL(file_replace(path, "", 0), 0);
    check_key_store(&empty, path);
    CU_ASSERT_EQUAL(file_replace(path, bytes, size - 100), 0);
    check_key_store(&cut, path);
    chmod(path, 0);
    if (access(path, R_OK) != 0)
        check_key_store(&closed, path);
    CU_ASSERT_EQUAL(file_remove_tree(folder), 0);
    free(bytes);
    free(path);
}

SUITE_MAIN("net_tls/key_store_errors", {"key stores say what is wrong", key_stores_say_what_is_wrong},
           {"trust stores say what is wrong", trust_stores_say_what_is_wrong},
           {"settings must not contradict each other", settings_must_not_contradict_each_other},
           {"PEM inline says what is wrong", pem_inline_says_what_is_wrong},
           {"old ciphers need the legacy provider", old_ciphers_need_the_legacy_provider},
           {"files on disk say what is wrong", files_on_disk_say_what_is_wrong})
