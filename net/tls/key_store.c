// SPDX-License-Identifier: Apache-2.0
#include "net/tls/key_store.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "net/tls/jks.h"
#include "net/tls/key_choice.h"
#include "net/tls/pem.h"
#include "net/tls/pkcs12.h"
#include "net/tls/tls_reason.h"
#include "net/tls/tls_settings.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { FILE_SIZE_MAX = 16 * 1024 * 1024, NAME_SIZE = 512, DATE_SIZE = 32 };

#define KEY_STORE_LOCATION "ssl.keystore.location"
#define TRUST_STORE_LOCATION "ssl.truststore.location"

// A reading with all it needs of its own: a library context, so that old ciphers are known to nobody else.
struct session {
    struct store_reading reading;
    OSSL_PROVIDER *default_provider, *legacy_provider;
    char *bytes; // of the file; NULL for text inline
    char name[NAME_SIZE];
};

static bool is_set(const char *value)
{
    return value != NULL && *value != '\0';
}

static void session_init(struct session *session)
{
    *session = (struct session){
        .reading = {.iterations_max = STORE_ITERATIONS_MAX, .iterations_left = STORE_ITERATIONS_TOTAL_MAX}};
    ERR_clear_error();
    session->reading.library = OSSL_LIB_CTX_new();
    if (session->reading.library == NULL)
        abort();
    // Without the legacy provider (it may not be installed) only stores with old ciphers do not open.
    session->default_provider = OSSL_PROVIDER_load(session->reading.library, "default");
    session->legacy_provider = OSSL_PROVIDER_load(session->reading.library, "legacy");
    ERR_clear_error();
}

static void session_fini(struct session *session)
{
    OSSL_PROVIDER_unload(session->legacy_provider);
    OSSL_PROVIDER_unload(session->default_provider);
    OSSL_LIB_CTX_free(session->reading.library);
    if (session->bytes != NULL)
        OPENSSL_cleanse(session->bytes, session->reading.bytes.size);
    free(session->bytes);
    free(session->reading.reason);
    ERR_clear_error();
}

// Hands the reason out, with file or setting in front.
static int session_end(struct session *session, int error, char **reason)
{
    *reason = NULL;
    if (error != 0 && session->reading.reason != NULL)
        *reason = is_set(session->name) ? memory_format("%s: %s", session->name, session->reading.reason)
                                        : memory_copy_string(session->reading.reason);
    session_fini(session);
    return error;
}

static void use_text(struct session *session, const char *setting, const char *text)
{
    snprintf(session->name, sizeof session->name, "%s (PEM)", setting);
    session->reading.bytes = view_of_string(text);
}

static int read_file(struct session *session, const char *setting, const char *location)
{
    snprintf(session->name, sizeof session->name, "%s %s", setting, location);
    size_t size;
    int error = file_read_whole(location, FILE_SIZE_MAX, &session->bytes, &size);
    if (error == -EFBIG)
        return store_refuse(&session->reading, EFBIG, "the file is larger than %d MB and no key store",
                            FILE_SIZE_MAX >> 20);
    if (error == -ENOENT)
        return store_refuse(&session->reading, ENOENT, "the file does not exist; check %s", setting);
    if (error != 0)
        return store_refuse(&session->reading, -error,
                            "the file cannot be read: %s; check the path and its permissions", strerror(-error));
    session->reading.bytes = view_of(session->bytes, size);
    if (size == 0)
        return store_refuse(&session->reading, EBADMSG, "the file is empty; copy or make it again");
    return 0;
}

static bool is_pem(const char *type)
{
    return type != NULL && strcmp(type, "PEM") == 0;
}

static int check_type(struct session *session, const char *setting, const char *type)
{
    if (!is_set(type) || is_pem(type) || strcasecmp(type, "JKS") == 0 || strcasecmp(type, "PKCS12") == 0)
        return 0;
    return store_refuse(&session->reading, EINVAL, "%s=%s: the type is not supported; JKS, PKCS12 and PEM are", setting,
                        type);
}

// JKS or PKCS12, as the content says.
static int read_binary(struct session *session, const char *type_setting, struct store *store)
{
    struct store_reading *reading = &session->reading;
    struct view bytes = reading->bytes;
    size_t length = strlen(session->name);
    bool is_jks = jks_begins(bytes);
    if (jks_begins_jceks(bytes))
        return store_refuse(reading, EBADMSG,
                            "the file is a JCEKS store, which is not supported; convert it with keytool "
                            "-importkeystore -deststoretype PKCS12");
    if (!is_jks && pem_begins(bytes))
        return store_refuse(reading, EBADMSG, "the file is PEM text; set %s=PEM", type_setting);
    if (!is_jks && !pkcs12_begins(bytes))
        return store_refuse(reading, EBADMSG, "the format is not known: the file is neither JKS, PKCS12 nor PEM");
    snprintf(session->name + length, sizeof session->name - length, is_jks ? " (JKS)" : " (PKCS12)");
    return is_jks ? jks_read(reading, store) : pkcs12_read(reading, store);
}

static int check_is_text(struct session *session, const char *type_setting)
{
    struct view bytes = session->reading.bytes;
    size_t length = strlen(session->name);
    if (jks_begins(bytes) || pkcs12_begins(bytes))
        return store_refuse(&session->reading, EBADMSG,
                            "the file is not PEM text but looks like a %s store; set %s accordingly",
                            jks_begins(bytes) ? "JKS" : "PKCS12", type_setting);
    snprintf(session->name + length, sizeof session->name - length, " (PEM)");
    return 0;
}

static void write_date(const ASN1_TIME *time, char *text)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1 || strftime(text, DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, DATE_SIZE, "an unknown date");
}

// 0, 1 when expired, -1 when not valid yet.
static int compare_dates(const X509 *certificate)
{
    time_t now = (time_t)(clock_now_ms() / 1000);
    int begin = X509_cmp_time(X509_get0_notBefore(certificate), &now);
    int end = X509_cmp_time(X509_get0_notAfter(certificate), &now);
    // X509_cmp_time gives 0 for what is no time.
    return end <= 0 ? 1 : begin >= 0 ? -1 : 0;
}

static int check_dates(struct session *session, const char *entry, const X509 *certificate)
{
    int side = compare_dates(certificate);
    if (side == 0)
        return 0;
    char date[DATE_SIZE];
    write_date(side > 0 ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate), date);
    char *subject = tls_name_to_string(X509_get_subject_name(certificate));
    int error = side > 0 ? store_refuse(&session->reading, EKEYEXPIRED,
                                        "%s: the certificate (%s) expired at %s; renew it", entry, subject, date)
                         : store_refuse(&session->reading, EKEYEXPIRED,
                                        "%s: the certificate (%s) is not valid before %s; check the clock or wait",
                                        entry, subject, date);
    free(subject);
    return error;
}

static int check_match(struct session *session, const char *entry, EVP_PKEY *key, STACK_OF(X509) * certificates)
{
    if (X509_check_private_key(sk_X509_value(certificates, 0), key) == 1)
        return 0;
    char *subject = tls_name_to_string(X509_get_subject_name(sk_X509_value(certificates, 0)));
    int error = 0;
    for (int i = 1; i < sk_X509_num(certificates) && error == 0; i++) {
        if (X509_check_private_key(sk_X509_value(certificates, i), key) == 1)
            error = store_refuse(&session->reading, EKEYREJECTED,
                                 "%s: the private key belongs to certificate %d of the chain, not to the first (%s); "
                                 "put its own certificate first",
                                 entry, i + 1, subject);
    }
    if (error == 0)
        error = store_refuse(
            &session->reading, EKEYREJECTED,
            "%s: the private key does not belong to the certificate (%s); put a key and its own certificate together",
            entry, subject);
    free(subject);
    return error;
}

// Takes key and certificates out of the entry.
static int take_identity(struct session *session, const char *name, struct store_entry *entry,
                         struct key_identity *identity)
{
    int error = check_match(session, name, entry->key, entry->certificates);
    if (error == 0)
        error = check_dates(session, name, sk_X509_value(entry->certificates, 0));
    if (error != 0)
        return error;
    *identity = (struct key_identity){
        .key = entry->key,
        .certificate = sk_X509_shift(entry->certificates),
        .chain = entry->certificates,
        .entry = memory_format("%s of %s", name, session->name),
    };
    entry->key = NULL;
    entry->certificates = NULL;
    return 0;
}

static int choose_identity(struct session *session, struct store *store, struct key_identity *identity)
{
    size_t chosen, trusted_count = 0;
    char name[NAME_SIZE];
    if (key_choice(store, &chosen)) {
        snprintf(name, sizeof name, "entry \"%s\"", store->entries[chosen].alias);
        return take_identity(session, name, &store->entries[chosen], identity);
    }
    for (size_t i = 0; i < store->count; i++) {
        if (!store->entries[i].is_trusted)
            return store_refuse(&session->reading, ENOKEY,
                                "entry \"%s\" has a private key but no certificate for it; import its certificate with "
                                "keytool -importcert under the same alias",
                                store->entries[i].alias);
        trusted_count++;
    }
    return store_refuse(&session->reading, ENOKEY,
                        "there is no private key entry, but %zu trusted certificates; make one with keytool "
                        "-genkeypair or keytool -importkeystore",
                        trusted_count);
}

// As Apache Kafka does for PEM: each certificate issued by the next.
static int check_order(struct session *session, STACK_OF(X509) * certificates)
{
    for (int i = 1; i < sk_X509_num(certificates); i++) {
        X509 *before = sk_X509_value(certificates, i - 1), *issuer = sk_X509_value(certificates, i);
        if (X509_NAME_cmp(X509_get_issuer_name(before), X509_get_subject_name(issuer)) == 0)
            continue;
        char *name = tls_name_to_string(X509_get_subject_name(issuer));
        int error = store_refuse(
            &session->reading, EBADMSG,
            "certificate %d (%s) did not issue certificate %d; write the chain in order, own certificate first", i + 1,
            name, i);
        free(name);
        return error;
    }
    return 0;
}

static int load_pem_identity(struct session *session, const struct tls_key_store *settings,
                             struct key_identity *identity)
{
    struct store store = {0};
    struct store_entry *entry = store_add(&store, NULL, false);
    static const char name[] = "certificate 1";
    int error;
    if (is_set(settings->key)) {
        use_text(session, "ssl.keystore.key", settings->key);
        error = pem_read_key(&session->reading, &entry->key);
        if (error == 0) {
            use_text(session, "ssl.keystore.certificate.chain", settings->certificate_chain);
            error = pem_read_certificates(&session->reading, entry->certificates);
        }
    } else {
        error = read_file(session, KEY_STORE_LOCATION, settings->location);
        if (error == 0)
            error = check_is_text(session, "ssl.keystore.type");
        if (error == 0)
            error = pem_read_key(&session->reading, &entry->key);
        if (error == 0)
            error = pem_read_certificates(&session->reading, entry->certificates);
    }
    if (error == 0)
        error = check_match(session, name, entry->key, entry->certificates);
    if (error == 0)
        error = check_order(session, entry->certificates);
    if (error == 0)
        error = take_identity(session, name, entry, identity);
    store_fini(&store);
    return error;
}

static int load_binary_identity(struct session *session, const struct tls_key_store *settings,
                                struct key_identity *identity)
{
    struct store store = {0};
    int error = read_file(session, KEY_STORE_LOCATION, settings->location);
    if (error == 0)
        error = read_binary(session, "ssl.keystore.type", &store);
    if (error == 0)
        error = choose_identity(session, &store, identity);
    store_fini(&store);
    return error;
}

// The sentences are Apache Kafka's, for those who look for them.
static int check_key_settings(struct session *session, const struct tls_key_store *settings)
{
    const char *problem = NULL;
    bool has_location = is_set(settings->location), has_password = settings->password != NULL;
    if (is_set(settings->key) && !is_pem(settings->type))
        return store_refuse(&session->reading, EINVAL,
                            "SSL private key can be specified only for PEM, but key store type is %s.",
                            is_set(settings->type) ? settings->type : "JKS");
    if (is_set(settings->key) && !is_set(settings->certificate_chain))
        problem = "SSL private key is specified, but certificate chain is not specified.";
    else if (is_set(settings->key) && has_location)
        problem = "Both SSL key store location and separate private key are specified.";
    else if (!is_set(settings->key) && is_set(settings->certificate_chain))
        problem = "SSL certificate chain is specified, but private key is not specified";
    else if (is_pem(settings->type) && (has_location || is_set(settings->key)) && is_set(settings->password))
        problem = "SSL key store password cannot be specified with PEM format, only key password may be specified.";
    else if (!is_set(settings->key) && !has_location && is_set(settings->password))
        problem = "SSL key store is not specified, but key store password is specified.";
    else if (has_location && !is_pem(settings->type) && !has_password)
        problem = "SSL key store is specified, but key store password is not specified.";
    if (problem != NULL)
        return store_refuse(&session->reading, EINVAL, "%s", problem);
    return check_type(session, "ssl.keystore.type", settings->type);
}

int key_store_load(const struct tls_key_store *settings, struct key_identity *identity, char **reason)
{
    struct session session;
    session_init(&session);
    bool has_key_password = is_set(settings->key_password);
    session.reading.password = settings->password;
    session.reading.password_name = "ssl.keystore.password";
    session.reading.key_password = has_key_password         ? settings->key_password
                                   : is_pem(settings->type) ? NULL
                                                            : settings->password;
    session.reading.key_password_name = has_key_password || is_pem(settings->type)
                                            ? "ssl.key.password"
                                            : "ssl.key.password, or without it ssl.keystore.password";
    session.reading.wants_keys = true;
    int error = check_key_settings(&session, settings);
    if (error == 0 && !is_set(settings->location) && !is_set(settings->key))
        error = -ENOENT;
    else if (error == 0 && is_pem(settings->type))
        error = load_pem_identity(&session, settings, identity);
    else if (error == 0)
        error = load_binary_identity(&session, settings, identity);
    return session_end(&session, error, reason);
}

void key_identity_fini(struct key_identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    sk_X509_pop_free(identity->chain, X509_free);
    free(identity->entry);
    *identity = (struct key_identity){0};
}

static int check_trust_settings(struct session *session, const struct tls_trust_store *settings)
{
    const char *problem = NULL;
    bool has_location = is_set(settings->location), has_certificates = is_set(settings->certificates);
    if (has_certificates && !is_pem(settings->type))
        return store_refuse(&session->reading, EINVAL,
                            "SSL trust store certs can be specified only for PEM, but trust store type is %s.",
                            is_set(settings->type) ? settings->type : "JKS");
    if (has_certificates && has_location)
        problem = "Both SSL trust store location and separate trust certificates are specified.";
    else if (is_pem(settings->type) && (has_location || has_certificates) && is_set(settings->password))
        problem = "SSL trust store password cannot be specified for PEM format.";
    else if (!has_location && !has_certificates && is_set(settings->password))
        problem = "SSL trust store is not specified, but trust store password is specified.";
    if (problem != NULL)
        return store_refuse(&session->reading, EINVAL, "%s", problem);
    return check_type(session, "ssl.truststore.type", settings->type);
}

// OpenSSL does not verify with an authority that has expired: with none that is valid nobody could connect.
static int check_any_is_valid(struct session *session, STACK_OF(X509) * certificates)
{
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        if (compare_dates(sk_X509_value(certificates, i)) == 0)
            return 0;
    }
    return check_dates(session, "none of the trusted certificates is valid now", sk_X509_value(certificates, 0));
}

static int collect_trusted(struct session *session, const struct store *store, STACK_OF(X509) * certificates)
{
    for (size_t i = 0; i < store->count; i++) {
        X509 *certificate = sk_X509_value(store->entries[i].certificates, 0);
        if (certificate != NULL && X509_up_ref(certificate) == 1)
            store_push(certificates, certificate);
    }
    if (sk_X509_num(certificates) > 0)
        return 0;
    return store_refuse(&session->reading, EBADMSG,
                        "there is no trusted certificate entry; add the authority's certificate with keytool "
                        "-importcert (a PKCS12 file made by openssl marks none as trusted)");
}

static int load_trusted(struct session *session, const struct tls_trust_store *settings, STACK_OF(X509) * certificates)
{
    if (is_set(settings->certificates)) {
        use_text(session, "ssl.truststore.certificates", settings->certificates);
        return pem_read_certificates(&session->reading, certificates);
    }
    int error = read_file(session, TRUST_STORE_LOCATION, settings->location);
    if (error == 0 && is_pem(settings->type)) {
        error = check_is_text(session, "ssl.truststore.type");
        return error != 0 ? error : pem_read_certificates(&session->reading, certificates);
    }
    struct store store = {0};
    if (error == 0)
        error = read_binary(session, "ssl.truststore.type", &store);
    if (error == 0)
        error = collect_trusted(session, &store, certificates);
    store_fini(&store);
    return error;
}

int trust_store_load(const struct tls_trust_store *settings, STACK_OF(X509) * *certificates, char **reason)
{
    struct session session;
    session_init(&session);
    session.reading.password = settings->password;
    session.reading.password_name = "ssl.truststore.password";
    int error = check_trust_settings(&session, settings);
    if (error == 0 && !is_set(settings->location) && !is_set(settings->certificates))
        return session_end(&session, -ENOENT, reason);
    STACK_OF(X509) *loaded = store_new_certificates();
    if (error == 0)
        error = load_trusted(&session, settings, loaded);
    if (error == 0)
        error = check_any_is_valid(&session, loaded);
    if (error == 0)
        *certificates = loaded;
    else
        sk_X509_pop_free(loaded, X509_free);
    return session_end(&session, error, reason);
}
