// SPDX-License-Identifier: Apache-2.0
// A listener with TLS and peers that do not mean well; and outgoing connections with TLS.
#include "net/peer.h"
#include "net/server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/handshaker.h"
#include "test/unit/net/tls_client.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct tls_settings usual = {
    .key_store = {.type = "PEM", .location = "broker.pem"},
    .trust_store = {.type = "PEM", .location = "trust.pem"},
};

static bool echoes(uint16_t port)
{
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){0});
    bool is_good = tls_client_connect(&client, port, NULL) && tls_client_echo(&client, "echo", 4);
    tls_client_fini(&client);
    return is_good;
}

// Reads to the end. True when it comes, be it an orderly one or a reset.
static bool ends(int fd)
{
    char bytes[4096];
    ssize_t size;
    while ((size = recv(fd, bytes, sizeof bytes, 0)) > 0)
        ;
    return size == 0 || errno == ECONNRESET;
}

static void closes_what_is_no_tls(void)
{
    static const struct {
        const char *bytes;
        size_t size;
    } starts[] = {
        {"\0\0\0\x0e\0\x12\0\0\0\0\0\1\0\1c", 15},                // a request in plain text
        {"GET / HTTP/1.1\r\n\r\n", 18},                           // a browser
        {"\x16\x02\x00\x00\x10 garbage", 13},                     // no version of TLS
        {"\x16\x03\x01\x00\x08 garbage", 13},                     // no ClientHello
        {"\x16\x03\x01\x00\x00", 5},                              // an empty record
        {"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10zzzz", 15}, // SSL 2
    };
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        int fd = client_connect("127.0.0.1", toy.port);
        client_send_bytes(fd, starts[i].bytes, starts[i].size);
        CU_ASSERT(ends(fd));
        close(fd);
    }
    CU_ASSERT(echoes(toy.port));
    CU_ASSERT_EQUAL(atomic_load(&toy.seen), 1);
    tls_toy_stop(&toy);
}

// Garbage after the handshake, in a record that says it is application data.
static void closes_on_broken_records(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){0});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    CU_ASSERT(tls_client_echo(&client, "echo", 4));
    static const uint8_t record[5 + 64] = {0x17, 3, 3, 0, 64};
    client_send_bytes(client.fd, record, sizeof record);
    CU_ASSERT(ends(client.fd));
    tls_client_fini(&client);
    CU_ASSERT(echoes(toy.port));
    tls_toy_stop(&toy);
}

// Peers that stop in the middle of their handshake are closed, and hold up nobody meanwhile.
static void gives_handshakes_a_deadline(void)
{
    enum { SLOW_COUNT = 50 };
    static const uint8_t start[] = {0x16, 3, 1, 2, 0, 1, 0, 1};
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy.config.handshake_ms_max = 1500;
    toy_start(&toy);
    int fds[SLOW_COUNT];
    for (int i = 0; i < SLOW_COUNT; i++) {
        fds[i] = client_connect("127.0.0.1", toy.port);
        client_send_bytes(fds[i], start, (size_t)i % (sizeof start + 1));
    }
    CU_ASSERT(echoes(toy.port));
    for (int i = 0; i < SLOW_COUNT; i++) {
        CU_ASSERT(ends(fds[i]));
        close(fds[i]);
    }
    CU_ASSERT(echoes(toy.port));
    int tries = 0;
    while (server_connection_count(toy.server) > 0 && wait_step(&tries))
        ;
    CU_ASSERT_EQUAL(server_connection_count(toy.server), 0);
    tls_toy_stop(&toy);
}

static void raise_file_limit(void)
{
    struct rlimit files;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &files), 0);
}

// Of a client that sends nothing itself, the ClientHello; it lies in the connection.
static SSL *make_hello(SSL_CTX *ctx, char **hello, size_t *size)
{
    SSL *ssl = SSL_new(ctx);
    SSL_set0_rbio(ssl, BIO_new(BIO_s_mem()));
    SSL_set0_wbio(ssl, BIO_new(BIO_s_mem()));
    CU_ASSERT_NOT_EQUAL(SSL_connect(ssl), 1);
    *size = (size_t)BIO_get_mem_data(SSL_get_wbio(ssl), hello);
    return ssl;
}

// Of those that say hello and no more only so many are kept, and none of them holds up others.
static void bounds_handshakes_under_way(void)
{
    enum { COUNT = HANDSHAKES_BEGUN_MAX + 20 };
    raise_file_limit();
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){0});
    char *hello;
    size_t size;
    SSL *ssl = make_hello(client.ctx, &hello, &size);
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    int fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect("127.0.0.1", toy.port);
        client_send_bytes(fds[i], hello, size);
    }
    for (int i = 0; i < COUNT - HANDSHAKES_BEGUN_MAX; i++)
        CU_ASSERT(ends(fds[i])); // long before their deadline, after the server's part of the handshake
    CU_ASSERT(echoes(toy.port));
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    tls_toy_stop(&toy);
    SSL_free(ssl);
    tls_client_fini(&client);
    ERR_clear_error();
}

// Does the rest of the handshake that make_hello began.
static bool finishes(struct tls_client *client)
{
    SSL_set_fd(client->ssl, client->fd);
    bool is_done = SSL_connect(client->ssl) == 1;
    ERR_clear_error();
    return is_done;
}

static bool is_answered(int fd)
{
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    return poll(&answer, 1, 30000) == 1;
}

static bool says_hello(int fd, const char *hello, size_t size)
{
    client_send_bytes(fd, hello, size);
    return is_answered(fd);
}

static char *wait_for_gate(void *context, const struct endpoint *listener, const char *name, char **reason)
{
    int tries = 0;
    (void)listener, (void)name, (void)reason;
    while (!atomic_load((atomic_bool *)context) && wait_step(&tries))
        ;
    return memory_copy_string("User:ANONYMOUS");
}

// A crowd that comes at once: whoever has done its part is taken, though others have begun since.
static void ends_no_handshake_that_can_go_on(void)
{
    enum { EARLY = 80, HONEST = 10, COUNT = HANDSHAKES_BEGUN_MAX - HONEST };
    raise_file_limit();
    struct toy toy;
    tls_toy_init(&toy, &usual);
    atomic_bool gate = false;
    toy.config.principal = wait_for_gate;
    toy.config.principal_context = &gate;
    toy.config.handshake_ms_max = 60000;
    toy_start(&toy);
    struct tls_client client, honest[HONEST];
    tls_client_init(&client, &(struct tls_client_options){0});
    char *hello;
    size_t size;
    int early[EARLY], fds[COUNT];
    for (int i = 0; i < EARLY; i++)
        early[i] = client_connect("127.0.0.1", toy.port);
    for (int i = 0; i < HONEST; i++) {
        tls_client_init(&honest[i], &(struct tls_client_options){0});
        honest[i].fd = client_connect("127.0.0.1", toy.port);
        honest[i].ssl = make_hello(honest[i].ctx, &hello, &size);
        CU_ASSERT(says_hello(honest[i].fd, hello, size));
    }
    SSL *ssl = make_hello(client.ctx, &hello, &size);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_connect("127.0.0.1", toy.port);
        CU_ASSERT(says_hello(fds[i], hello, size));
    }
    // While the thread is held up by the first, the early say hello, then the other honest ones do their part.
    CU_ASSERT(finishes(&honest[0]));
    for (int i = 0; i < EARLY; i++)
        client_send_bytes(early[i], hello, size);
    for (int i = 1; i < HONEST; i++)
        CU_ASSERT(finishes(&honest[i]));
    atomic_store(&gate, true);
    for (int i = 0; i < HONEST; i++) {
        CU_ASSERT(tls_client_echo(&honest[i], "echo", 4));
        tls_client_fini(&honest[i]);
    }
    for (int i = 0; i < EARLY; i++)
        close(early[i]);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
    tls_toy_stop(&toy);
    SSL_free(ssl);
    tls_client_fini(&client);
}

// A server that stops closes what shakes hands, too.
static void stops_with_handshakes_under_way(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    int fd = client_connect("127.0.0.1", toy.port);
    client_send_bytes(fd, "\x16\x03\x01", 3);
    int tries = 0;
    while (server_connection_count(toy.server) == 0 && wait_step(&tries))
        ;
    tls_toy_stop(&toy);
    CU_ASSERT(ends(fd));
    close(fd);
}

static void refuses_renegotiation(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){.version = TLS1_2_VERSION});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    CU_ASSERT(tls_client_echo(&client, "echo", 4));
    CU_ASSERT_EQUAL(SSL_renegotiate(client.ssl), 1);
    CU_ASSERT_NOT_EQUAL(SSL_do_handshake(client.ssl), 1);
    ERR_clear_error();
    tls_client_fini(&client);
    CU_ASSERT(echoes(toy.port));
    tls_toy_stop(&toy);
}

// It asks and never reads; what waits for it is an answer, not more.
static void bears_a_client_that_never_reads(void)
{
    struct toy toy;
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_client client;
    tls_client_init(&client, &(struct tls_client_options){0});
    CU_ASSERT_FATAL(tls_client_connect(&client, toy.port, NULL));
    tls_client_send(&client, "l", 1);
    tls_client_send(&client, "e", 1);
    int tries = 0;
    while (atomic_load(&toy.seen) == 0 && wait_step(&tries))
        ;
    CU_ASSERT(echoes(toy.port));
    tls_client_fini(&client);
    tls_toy_stop(&toy);
}

static int64_t soon(void)
{
    return clock_monotonic_ms() + 30000;
}

// Connects to the toy as a broker would to another. *words: why not, "" when it did.
static int connect_peer(uint16_t port, const char *host, const struct tls_settings *settings, char words[256])
{
    struct tls_context *context = context_create(settings, TLS_CLIENT);
    struct peer_config config = {
        .host = host, .port = port, .security_protocol = SECURITY_PROTOCOL_SSL, .tls = context};
    struct peer *peer = NULL;
    char *reason = NULL;
    int result = peer_connect(&config, soon(), &peer, &reason);
    snprintf(words, 256, "%s", reason != NULL ? reason : "");
    free(reason);
    peer_destroy(&peer);
    tls_context_release(&context);
    return result;
}

static void connects_to_those_it_trusts(void)
{
    struct toy toy;
    char words[256];
    tls_toy_init(&toy, &usual);
    toy_start(&toy);
    struct tls_settings settings = {.trust_store = {.type = "PEM", .location = "trust.pem"}, .verifies_host = true};
    CU_ASSERT_EQUAL(connect_peer(toy.port, "localhost", &settings, words), 0);
    CU_ASSERT_EQUAL(connect_peer(toy.port, "127.0.0.1", &settings, words), 0);
    CU_ASSERT_EQUAL(connect_peer(toy.port, "127.1", &settings, words), -EPROTO);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "is for DNS:localhost, IP Address:127.0.0.1, not for the host"));
    settings.verifies_host = false;
    CU_ASSERT_EQUAL(connect_peer(toy.port, "127.1", &settings, words), 0);
    settings.trust_store.location = NULL; // the system's
    CU_ASSERT_EQUAL(connect_peer(toy.port, "localhost", &settings, words), -EPROTO);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "leads to no certificate in the trust store"));
    settings.enabled_protocols = "TLSv1.1";
    settings.trust_store.location = "trust.pem";
    CU_ASSERT_EQUAL(connect_peer(toy.port, "localhost", &settings, words), -EPROTO);
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "alert protocol_version"));
    struct peer_config without = {.host = "localhost", .port = toy.port, .security_protocol = SECURITY_PROTOCOL_SSL};
    struct peer *peer = NULL;
    CU_ASSERT_EQUAL(peer_connect(&without, soon(), &peer, NULL), -EPROTONOSUPPORT);
    tls_toy_stop(&toy);
}

// A listener without TLS knows a client with TLS by its first bytes; the client learns that there is no TLS.
static void tells_tls_from_plain_text(void)
{
    struct toy toy;
    char words[256];
    toy_init(&toy, "PLAINTEXT://127.0.0.1:0");
    toy_start(&toy);
    struct tls_settings settings = {.trust_store = {.type = "PEM", .location = "trust.pem"}};
    CU_ASSERT_EQUAL(connect_peer(toy.port, "localhost", &settings, words), -ECONNRESET);
    toy_stop(&toy);
}

// A server that takes connections and never answers.
static void gives_up_at_the_deadline(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    struct tls_settings settings = {.trust_store = {.type = "PEM", .location = "trust.pem"}};
    struct tls_context *context = context_create(&settings, TLS_CLIENT);
    struct peer_config config = {.host = "127.0.0.1",
                                 .port = ntohs(address.sin_port),
                                 .security_protocol = SECURITY_PROTOCOL_SSL,
                                 .tls = context};
    struct peer *peer = NULL;
    char *reason = NULL;
    CU_ASSERT_EQUAL(peer_connect(&config, clock_monotonic_ms() + 100, &peer, &reason), -ETIMEDOUT);
    CU_ASSERT_PTR_NULL(reason);
    tls_context_release(&context);
    close(listener);
}

SUITE_MAIN("net/tls_peers", {"closes what is no TLS", closes_what_is_no_tls},
           {"closes on broken records", closes_on_broken_records},
           {"gives handshakes a deadline", gives_handshakes_a_deadline},
           {"bounds handshakes under way", bounds_handshakes_under_way},
           {"ends no handshake that can go on", ends_no_handshake_that_can_go_on},
           {"stops with handshakes under way", stops_with_handshakes_under_way},
           {"refuses renegotiation", refuses_renegotiation},
           {"bears a client that never reads", bears_a_client_that_never_reads},
           {"connects to those it trusts", connects_to_those_it_trusts},
           {"tells TLS from plain text", tells_tls_from_plain_text},
           {"gives up at the deadline", gives_up_at_the_deadline})
