// SPDX-License-Identifier: Apache-2.0
// A transport that encrypts. Between OpenSSL and the socket lies a BIO of ours: a receive brings the end of one record
// and the beginning of the next, a record that the socket does not take whole waits here. What is kept that way is
// dropped with the last byte: an idle connection holds OpenSSL's state and nothing else.
#ifndef NET_TRANSPORT_TLS_H
#define NET_TRANSPORT_TLS_H

#include "net/tls/tls_context.h"
#include "net/transport.h"

// The first two bytes of a peer that speaks TLS: a record's type and its major version.
enum { TLS_RECORD_HANDSHAKE = 0x16, TLS_RECORD_MAJOR_VERSION = 3 };

// Why the kernel will not encrypt, whatever is configured; NULL when nothing speaks against it.
const char *transport_offload_obstacle(void);

// Takes over the connected socket; `host` as for tls_context_open. -ENOMEM leaves the socket alone. Then the handshake
// has to be made, with transport_shake_hands, before anything else but close.
int transport_init_tls(struct transport *transport, int fd, const struct tls_context *context, const char *host)
    __attribute__((warn_unused_result));

// Goes on with the handshake. 0: done, and whatever it had to say is sent; -EAGAIN: when the socket is ready again, to
// be read or written to as *events says (poll's); -ECONNRESET when the peer closed and -EPROTO: failed, *reason says
// why in words (free() it).
int transport_shake_hands(struct transport *transport, short *events, char **reason)
    __attribute__((warn_unused_result));

// After the handshake: the name of tls_peer_distinguished_name. Forgets what else there is about the peer.
char *transport_take_peer_name(struct transport *transport);

// After -EPROTO from receive or send: why. Free() it.
char *transport_failure_reason(struct transport *transport);

#endif
