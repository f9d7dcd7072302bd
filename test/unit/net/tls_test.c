// SPDX-License-Identifier: Apache-2.0
// A listener with TLS and clients that mean well.
#include "net/server.h"
#include "net/socket_calls.h"

#include "base/memory.h"
#include "test/unit/net/tls_client.h"
#include "test/unit/suite.h"

#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tls_settings usual = {
    .key_store = {.type = "PEM", .location = "broker.pem"},
    .trust_store = {.type = "PEM", .location = "trust.pem"},
};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static bool connects(uint16_t port, const struct tls_client_options *options)
{
    struct tls_client client;
    tls_client_init(&client, options);
    bool is_taken = tls_client_connect(&client, port, NULL) && tls_client_echo(&client, "echo", 4);
    tls_client_fini(&client);
    return is_taken;
}

static void answers_over_both_versions(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    for (size_t i = 0; i < 2; i++) {
        struct tls_client client;
        tls_client_init(&client, &(struct tls_client_options){.version = versions[i]});
        CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
        for (int j = 0; j < 100; j++)
            CU_ASSERT(tls_client_echo(&client, "echo", 4));
        tls_client_fini(&client);
    }
    CU_ASSERT(!connects(toy.port, &(struct tls_client_options){.version = TLS1_1_VERSION}));
    CU_ASSERT(!connects(toy.port, &(struct tls_client_options){.version = TLS1_VERSION}));
    tls_toy_stop(&toy);
}

// Requests and answers over many records, with sizes around theirs.
static void carries_bytes_intact(void)
{
    static const size_t sizes[] = {1, 1000, 16365, 16384, 16385, 40000, 300000, 5 * 1000 * 1000};
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    size_t size_max = sizes[sizeof sizes / sizeof sizes[0] - 1];
    uint8_t *body = memory_alloc(size_max);
    for (size_t i = 0; i < size_max; i++)
        body[i] = (uint8_t)(i * 7 + i / 251);
    body[0] = TOY_ECHO;
    for (size_t i = 0; i < 2; i++) {
        struct tls_client client;
        tls_client_init(&client, &(struct tls_client_options){.version = versions[i]});
        CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
            CU_ASSERT(tls_client_echo(&client, body, sizes[j]));
        tls_client_fini(&client);
    }
    free(body);
    tls_toy_stop(&toy);
}

static void sends_large_answers_and_sources(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){0});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    size_t size = 0, wrong = 0;
    tls_client_send(&client, "l", 1);
    uint8_t *answer = tls_client_receive(&client, &size);
    CU_ASSERT_EQUAL_FATAL(size, TOY_LARGE_SIZE);
    for (size_t i = 0; i < size; i++)
        wrong += answer[i] != 'x';
    CU_ASSERT_EQUAL(wrong, 0);
    free(answer);
    tls_client_send(&client, "o", 1);
    answer = tls_client_receive(&client, &size);
    CU_ASSERT_PTR_NOT_NULL(answer);
    CU_ASSERT_EQUAL_FATAL(size, 6 + TOY_SOURCE_SIZE + 5);
    CU_ASSERT_NSTRING_EQUAL(answer, "before", 6);
    CU_ASSERT_NSTRING_EQUAL(answer + 6 + TOY_SOURCE_SIZE, "after", 5);
    for (size_t i = 0; i < TOY_SOURCE_SIZE; i++)
        wrong += answer[6 + i] != (uint8_t)(i / 7);
    CU_ASSERT_EQUAL(wrong, 0);
    free(answer);
    tls_client_fini(&client);
    tls_toy_stop(&toy);
}

// Many requests in one record and one request in many records.
static void takes_records_of_any_cut(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){0});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    uint8_t frames[200 * 32];
    size_t size = 0, got = 0;
    for (int32_t i = 0; i < 200; i++)
        size += client_frame(frames + size, i, "echo", 4);
    CU_ASSERT_EQUAL(SSL_write_ex(client.ssl, frames, size, &got), 1);
    for (size_t i = 0; i < size; i++)
        CU_ASSERT_EQUAL(SSL_write_ex(client.ssl, frames + i, 1, &got), 1);
    for (int i = 0; i < 400; i++) {
        uint8_t *answer = tls_client_receive(&client, &got);
        CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
        free(answer);
    }
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 400);
    tls_client_fini(&client);
    tls_toy_stop(&toy);
}

// The session of a connection that has been used, so that a ticket of TLS 1.3 has come.
static SSL_SESSION *open_session(struct tls_client *client, uint16_t port)
{
    CU_ASSERT_FATAL(tls_client_connect(client, port, NULL));
    CU_ASSERT(tls_client_echo(client, "echo", 4));
    CU_ASSERT(!SSL_session_reused(client->ssl));
    SSL_SESSION *session = SSL_get1_session(client->ssl);
    SSL_shutdown(client->ssl); // or OpenSSL takes the session for a bad one
    tls_client_disconnect(client);
    return session;
}

static bool resumes(struct tls_client *client, uint16_t port, SSL_SESSION *session)
{
    CU_ASSERT_FATAL(tls_client_connect(client, port, session));
    CU_ASSERT(tls_client_echo(client, "echo", 4));
    bool is_resumed = SSL_session_reused(client->ssl);
    SSL_shutdown(client->ssl);
    tls_client_disconnect(client);
    return is_resumed;
}

// A session lives on when the certificate is replaced, and ends when others are trusted.
static void resumes_sessions(void)
{
    struct tls_settings settings = usual;
    settings.client_auth = TLS_CLIENT_AUTH_REQUIRED;
    for (size_t i = 0; i < 2; i++) {
        struct toy toy;
        tls_toy_init(&toy, &settings);
        toy_start(&toy);
        struct tls_client client;
        tls_client_init(&client, &(struct tls_client_options){.version = versions[i], .identity = "client.pem"});
        SSL_SESSION *session = open_session(&client, toy.port);
        CU_ASSERT(resumes(&client, toy.port, session));
        struct tls_settings replaced = settings;
        replaced.key_store.location = "client.pem";
        struct tls_context *context = context_create(&replaced, TLS_SERVER);
        server_replace_tls(toy.server, "SSL", context);
        tls_context_release(&context);
        CU_ASSERT(resumes(&client, toy.port, session));
        replaced.trust_store.location = "root.pem";
        context = context_create(&replaced, TLS_SERVER);
        server_replace_tls(toy.server, "SSL", context);
        tls_context_release(&context);
        CU_ASSERT(!resumes(&client, toy.port, session));
        SSL_SESSION_free(session);
        tls_client_fini(&client);
        tls_toy_stop(&toy);
    }
}

static bool shows(struct tls_client *client, const char *common_name)
{
    char name[64] = "";
    X509 *certificate = SSL_get1_peer_certificate(client->ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    X509_free(certificate);
    return strcmp(name, common_name) == 0;
}

static void replaces_certificates(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client before, after;
    tls_client_init(&before, &(struct tls_client_options){0});
    tls_client_init(&after, &(struct tls_client_options){0});
    CU_ASSERT_FATAL(tls_client_connect(&before, toy.port, NULL));
    CU_ASSERT(shows(&before, "broker.example.com"));
    struct tls_settings replaced = usual;
    replaced.key_store.location = "client.pem";
    struct tls_context *context = context_create(&replaced, TLS_SERVER);
    server_replace_tls(toy.server, "ssl", context);
    tls_context_release(&context);
    CU_ASSERT_FATAL(tls_client_connect(&after, toy.port, NULL));
    CU_ASSERT(shows(&after, "client"));
    CU_ASSERT(tls_client_echo(&before, "echo", 4));
    CU_ASSERT(tls_client_echo(&after, "echo", 4));
    tls_client_fini(&before);
    tls_client_fini(&after);
    tls_toy_stop(&toy);
}

// Which principals there were, for the toy's clients.
struct names {
    char last[128];
    bool refuses;
};

static char *name_principal(void *context, const struct endpoint *listener, const char *distinguished_name,
                            char **reason)
{
    struct names *names = context;
    CU_ASSERT_STRING_EQUAL(listener->listener_name, "SSL");
    snprintf(names->last, sizeof names->last, "%s", distinguished_name != NULL ? distinguished_name : "nobody");
    if (!names->refuses)
        return memory_format("User:%s", names->last);
    *reason = memory_copy_string("nobody is welcome");
    return NULL;
}

static void asks_clients_for_certificates(void)
{
    static const struct {
        enum tls_client_auth auth;
        bool takes_none, takes_known, takes_stranger;
        const char *known;
    } cases[] = {
        {TLS_CLIENT_AUTH_NONE, true, true, true, "nobody"},
        {TLS_CLIENT_AUTH_REQUESTED, true, true, false, "O=Barnabas,OU=Tests,CN=client"},
        {TLS_CLIENT_AUTH_REQUIRED, false, true, false, "O=Barnabas,OU=Tests,CN=client"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct toy toy;
        struct names names = {0};
        struct tls_settings settings = usual;
        settings.client_auth = cases[i].auth;
        tls_toy_init(&toy, &settings);
        toy.config.principal = name_principal;
        toy.config.principal_context = &names;
        toy_start(&toy);
        for (size_t j = 0; j < 2; j++) {
            struct tls_client_options options = {.version = versions[j]};
            CU_ASSERT_EQUAL(connects(toy.port, &options), cases[i].takes_none);
            options.identity = "client.pem";
            CU_ASSERT_EQUAL(connects(toy.port, &options), cases[i].takes_known);
            CU_ASSERT_STRING_EQUAL(names.last, cases[i].known);
            options.identity = "expired.pem";
            CU_ASSERT_EQUAL(connects(toy.port, &options), cases[i].takes_stranger);
        }
        names.refuses = true;
        CU_ASSERT(!connects(toy.port, &(struct tls_client_options){.identity = "client.pem"}));
        tls_toy_stop(&toy);
    }
}

static void offers_only_what_is_configured(void)
{
    struct tls_settings settings = usual;
    settings.enabled_protocols = "TLSv1.2";
    settings.cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    struct toy toy;
    tls_toy_init(&toy, &settings);
    toy_start(&toy);
    CU_ASSERT(connects(toy.port, &(struct tls_client_options){0}));
    CU_ASSERT(!connects(toy.port, &(struct tls_client_options){.version = TLS1_3_VERSION}));
    CU_ASSERT(!connects(toy.port, &(struct tls_client_options){.ciphers = "ECDHE-RSA-AES256-GCM-SHA384"}));
    CU_ASSERT(connects(toy.port, &(struct tls_client_options){.ciphers = "ECDHE-RSA-AES128-GCM-SHA256"}));
    tls_toy_stop(&toy);
    settings.enabled_protocols = "TLSv1,TLSv1.1";
    settings.cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
    tls_toy_init(&toy, &settings);
    toy_start(&toy);
    CU_ASSERT(connects(toy.port, &(struct tls_client_options){.version = TLS1_VERSION}));
    CU_ASSERT(connects(toy.port, &(struct tls_client_options){.version = TLS1_1_VERSION}));
    CU_ASSERT(!connects(toy.port, &(struct tls_client_options){.version = TLS1_2_VERSION}));
    tls_toy_stop(&toy);
}

// Where the kernel does not take the keys, all is as without.
static void falls_back_without_the_kernel(void)
{
    struct tls_settings settings = usual;
    settings.offloads_to_kernel = true;
    struct toy toy;
    tls_toy_init(&toy, &settings);
    toy_start(&toy);
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT(connects(toy.port, &(struct tls_client_options){.version = versions[i]}));
    tls_toy_stop(&toy);
}

static void follows_key_updates(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){.version = TLS1_3_VERSION});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        CU_ASSERT(tls_client_echo(&client, "echo", 4));
    }
    tls_client_fini(&client);
    tls_toy_stop(&toy);
}

// OpenSSL reads on for as long as there is no data in what it reads, and would hold up the thread of all others.
static void gives_up_on_key_updates_without_end(void)
{
    enum { UPDATES_MAX = 20000 };
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){.version = TLS1_3_VERSION});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    CU_ASSERT(tls_client_echo(&client, "echo", 4));
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    int count = 0;
    while (count < UPDATES_MAX && SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
           SSL_do_handshake(client.ssl) == 1)
        count++;
    ERR_clear_error();
    CU_ASSERT(count < UPDATES_MAX);
    signal(SIGPIPE, before);
    CU_ASSERT(connects(toy.port, &(struct tls_client_options){0}));
    tls_client_fini(&client);
    tls_toy_stop(&toy);
}

static atomic_int low_water;

static int note_low_water(int fd, int size)
{
    atomic_store(&low_water, size);
    return socket_calls_of_system()->set_low_water(fd, size);
}

static bool low_water_gets_large(bool is_large)
{
    int tries = 0;
    bool goes_on = true;
    while ((atomic_load(&low_water) > 1) != is_large && goes_on)
        goes_on = wait_step(&tries);
    return goes_on;
}

// While much of it is missing the broker is not told of every byte, and that does harm neither the frame's end nor the
// end of a connection on which nothing comes any more.
static void waits_for_much_of_a_large_frame(void)
{
    enum { BODY_SIZE = 1000 * 1000, BEGUN_SIZE = 300 * 1000 };
    struct socket_calls calls = *socket_calls_of_system();
    calls.set_low_water = note_low_water;
    atomic_store(&low_water, 1);
    socket_calls_set(&calls);
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy.config.idle_ms_max = 3000;
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){0});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    CU_ASSERT(tls_client_echo(&client, "echo", 4)); // of strangers it is told of every byte
    char *body = memory_alloc(BODY_SIZE);
    body[0] = TOY_ECHO;
    uint8_t *frame = memory_alloc(BODY_SIZE + 100);
    size_t size = client_frame(frame, 1, body, BODY_SIZE), got = 0;
    CU_ASSERT_EQUAL(SSL_write_ex(client.ssl, frame, BEGUN_SIZE, &got), 1);
    CU_ASSERT(low_water_gets_large(true));
    CU_ASSERT_EQUAL(SSL_write_ex(client.ssl, frame + BEGUN_SIZE, size - BEGUN_SIZE, &got), 1);
    uint8_t *answer = tls_client_receive(&client, &got);
    CU_ASSERT_PTR_NOT_NULL(answer);
    CU_ASSERT_EQUAL(got, BODY_SIZE);
    free(answer);
    CU_ASSERT(low_water_gets_large(false));
    CU_ASSERT(tls_client_echo(&client, "echo", 4));
    CU_ASSERT_EQUAL(SSL_write_ex(client.ssl, frame, BEGUN_SIZE, &got), 1);
    CU_ASSERT(low_water_gets_large(true));
    CU_ASSERT_PTR_NULL(tls_client_receive(&client, &got));
    free(frame);
    free(body);
    tls_client_fini(&client);
    tls_toy_stop(&toy);
    socket_calls_set(NULL);
}

SUITE_MAIN("net/tls", {"answers over both versions", answers_over_both_versions},
           {"carries bytes intact", carries_bytes_intact},
           {"sends large answers and sources", sends_large_answers_and_sources},
           {"takes records of any cut", takes_records_of_any_cut}, {"resumes sessions", resumes_sessions},
           {"replaces certificates", replaces_certificates},
           {"asks clients for certificates", asks_clients_for_certificates},
           {"offers only what is configured", offers_only_what_is_configured},
           {"falls back without the kernel", falls_back_without_the_kernel},
           {"follows key updates", follows_key_updates},
           {"gives up on key updates without end", gives_up_on_key_updates_without_end},
           {"waits for much of a large frame", waits_for_much_of_a_large_frame})
