// SPDX-License-Identifier: Apache-2.0
// The broker's program: arguments, signals, limits, exit codes; the rest is server/broker.c. Exit codes are Apache
// Kafka's: 1 when it cannot start or cannot go on, 128 and the signal's number after a signal that it obeyed.
#include "base/logger.h"
#include "base/memory.h"
#include "server/broker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define USAGE                                                                                                          \
    "USAGE: barnabas server.properties [--override property=value]*\n"                                                 \
    "Runs a Barnabas broker, which stores and serves the topics of a ZooKeeper-coordinated Kafka cluster.\n\n"         \
    "Option                          Description\n"                                                                    \
    "------                          -----------\n"                                                                    \
    "--help                          Print this and exit.\n"                                                           \
    "--override <property=value>     Set a property, whatever the file says about it.\n"                               \
    "--version                       Print the version and exit.\n"

static bool read_overrides(char **arguments, struct properties *settings)
{
    for (; *arguments != NULL; arguments++) {
        const char *word = *arguments;
        if (strncmp(word, "--", 2) != 0)
            continue;
        const char *assignment = NULL;
        if (strcmp(word, "--override") == 0 && arguments[1] != NULL)
            assignment = *++arguments;
        else if (strncmp(word, "--override=", strlen("--override=")) == 0)
            assignment = word + strlen("--override=");
        if (assignment == NULL) {
            if (strcmp(word, "--override") == 0)
                logger_error("Exiting due to a fatal error: Option override requires an argument");
            else
                logger_error("Exiting due to a fatal error: %.*s is not a recognized option",
                             (int)strcspn(word + 2, "="), word + 2);
            return false;
        }
        size_t size = strcspn(assignment, "=");
        char *key = view_dup(view_of(assignment, size));
        properties_set(settings, key, assignment[size] == '=' ? assignment + size + 1 : "");
        free(key);
    }
    return true;
}

static bool read_settings(char **arguments, struct properties *settings)
{
    int result = properties_load(settings, arguments[1]);
    if (result != 0) {
        logger_error("Exiting due to a fatal error: cannot read %s: %s", arguments[1],
                     result == -EINVAL ? "Malformed \\uxxxx encoding." : strerror(-result));
        return false;
    }
    return read_overrides(arguments + 2, settings);
}

// A broker holds a file per segment and a socket per client.
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        logger_warn("Cannot raise the limit of open files to %llu: %s.", (unsigned long long)limit.rlim_max,
                    strerror(errno));
}

// The signals that end the broker. SIGHUP is left out when it is ignored from the outset (nohup).
static void ending_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaddset(signals, SIGHUP);
}

// Runs until a signal or broker_request_stop; returns the exit code.
static int wait_for_end(const sigset_t *signals)
{
    for (;;) {
        int received;
        if (sigwait(signals, &received) != 0)
            continue;
        if (received == SIGUSR1)
            return 1;
        logger_info("Terminating process due to signal SIG%s", sigabbrev_np(received));
        return 128 + received;
    }
}

static int run(const struct properties *settings)
{
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    // Until the broker serves a signal ends the process at once, as a crash would, which the next start mends. But
    // broker_request_stop is never lost.
    sigset_t signals, stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    ending_signals(&signals);
    sigaddset(&signals, SIGUSR1);
    struct broker *broker = broker_open(settings);
    if (broker == NULL)
        return 1;
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    int code = broker_serve(broker) ? wait_for_end(&signals) : 1;
    broker_stop(&broker);
    return code;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("3.9.1 (Barnabas " BARNABAS_VERSION ")");
        return 0;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fputs(USAGE, stderr);
        return 1;
    }
    struct properties settings = {0};
    int code = read_settings(argv, &settings) ? run(&settings) : 1;
    properties_fini(&settings);
    return code;
}
