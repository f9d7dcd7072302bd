// SPDX-License-Identifier: Apache-2.0
// A request as it came in: its header taken apart, its body still bytes, and the way to answer it. The handler that was
// given to server_start owns it until it calls exactly one of request_answer, request_skip_answer and request_close,
// at once or later, from any thread. Until then its connection reads nothing more: requests of a connection are handled
// one at a time and answered in their order. Confined to one thread at a time; handing it on needs the happens-before
// of a queue or a lock.
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "base/arena.h"
#include "base/view.h"
#include "net/send_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;

struct request {
    struct arena arena; // freed after the last byte of the answer is sent
    // The header. Whether key and version are served is the handler's to say: net only knows where the body starts.
    int16_t api_key;
    int16_t api_version;
    int32_t correlation_id;
    struct view client_id; // may be null
    // What follows the header, in the connection's receive buffer: writable (offsets are assigned in place), valid
    // until the request is answered.
    struct view body;
    size_t frame_size;               // bytes of the frame without its size prefix
    int64_t received_ns;             // clock_monotonic_ns() when its last byte was received
    const struct endpoint *listener; // where it came in; lives as long as the server
    uint64_t connection_id;          // never used twice in a process
    uint8_t peer_address[16];        // IPv6, or IPv4 mapped into it
    uint16_t peer_port;
    const char *principal;     // "User:ANONYMOUS" until someone authenticates; lives as long as the request
    struct send_list response; // empty at first; what request_answer sends, without the size prefix
    void *context;             // the handler's own, NULL at first
};

// Sends request->response behind its size prefix; the request and its arena are gone for the caller. Never blocks,
// never does input or output on the calling thread while the handler runs, takes only locks of net: fit to be called
// under the locks of the server and of the log.
void request_answer(struct request *request);

// For Produce with acks=0: nothing is sent, the connection goes on with its next request. Otherwise as request_answer.
void request_skip_answer(struct request *request);

// Closes the connection: the answer to a request that cannot be read or must not be answered. Otherwise as
// request_answer.
void request_close(struct request *request);

// Whether a refusal of this request is worth a line in the log: some a second are, so that no peer can fill a disk.
bool request_logs_refusal(struct request *request);

// The client's address as text, without brackets ("127.0.0.1", "::1").
#define REQUEST_HOST_SIZE 46
const char *request_peer_host(const struct request *request, char host[REQUEST_HOST_SIZE]);

#endif
