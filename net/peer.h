// SPDX-License-Identifier: Apache-2.0
// An outgoing connection to a broker: what the controller's senders and the command line programs speak through. Calls
// block until their deadline at most. Confined to one thread, but for peer_interrupt. After any error the connection is
// unusable: destroy it and connect again; whether a request took effect is then unknown.
// Every deadline is in clock_monotonic_ms().
#ifndef NET_PEER_H
#define NET_PEER_H

#include "base/arena.h"
#include "net/endpoint.h"
#include "net/tls/tls_context.h"

#include <stdbool.h>
#include <stdint.h>

struct peer;

struct peer_config {
    const char *host; // name or address, without brackets
    uint16_t port;
    enum security_protocol security_protocol; // PLAINTEXT or SSL, others: -EPROTONOSUPPORT
    struct tls_context *tls;                  // for SSL: a client's context; verifies the host if its settings say so
    const char *client_id;                    // NULL sends null
    int64_t connect_timeout_ms;               // per address of the host; 0: only the deadline counts
    int send_buffer_bytes, receive_buffer_bytes; // 0 or -1: the system's
    // A longer answer is -EMSGSIZE; 0: 100 MB. One that takes more than four times as much when it is taken apart is
    // -ENOMEM, whatever the arena allows.
    int32_t response_size_max;
};

// Resolves the host, tries its addresses one after the other and connects. The strings are copied. Returns 0 or -errno:
// -EHOSTUNREACH for a name that does not resolve, -ETIMEDOUT at the deadline, -ECONNREFUSED …; -EPROTO when the TLS
// handshake failed: then, if reason is not NULL, *reason says why in words for people (free() it); otherwise NULL. A
// broker that closes during the handshake, as one does that speaks no TLS, is -ECONNRESET.
int peer_connect(const struct peer_config *config, int64_t deadline_ms, struct peer **peer, char **reason)
    __attribute__((warn_unused_result));

// NULL is fine.
void peer_destroy(struct peer **peer);

// Makes the call that is going on, and every later one, end with -ECANCELED. From any thread, while the peer lives.
void peer_interrupt(struct peer *peer);

// Sends the request (a struct of net/protocol for that API: api_key's request) in that version and waits for its
// answer. *response is the API's response struct, in the arena with all that it refers to. Returns 0 or -errno:
// -ETIMEDOUT at the deadline, -ECONNRESET when the broker closed (which is also how it refuses a request that it cannot
// read or an API that it does not know), -EBADMSG for an answer that does not parse, -EINVAL for a version that the
// schema lacks or a request that this version cannot carry.
int peer_call(struct peer *peer, int16_t api_key, int16_t version, const void *request, struct arena *arena,
              const void **response, int64_t deadline_ms) __attribute__((warn_unused_result));

// The two halves of peer_call: several requests may be sent before the first answer is received; answers come in the
// order of the requests.
int peer_send(struct peer *peer, int16_t api_key, int16_t version, const void *request, int64_t deadline_ms)
    __attribute__((warn_unused_result));
int peer_receive(struct peer *peer, struct arena *arena, const void **response, int64_t deadline_ms)
    __attribute__((warn_unused_result));

// Asks with ApiVersions what the broker speaks (starting from version 3, then what it answers) and remembers it.
// Returns 0 or as peer_call.
int peer_negotiate(struct peer *peer, int64_t deadline_ms) __attribute__((warn_unused_result));

// The highest version of the API between the two that the broker speaks by peer_negotiate; -1 if there is none.
int16_t peer_version(const struct peer *peer, int16_t api_key, int16_t version_min, int16_t version_max);

// After -EPROTO: what was wrong with TLS, in words. With TLS 1.3 a broker that does not accept our certificate says so
// only after the handshake, when the first answer is awaited. NULL when it was not TLS; lives as long as the peer.
const char *peer_tls_failure(const struct peer *peer);

// What the connection goes to, "host:port", for messages.
const char *peer_address(const struct peer *peer);

#endif
