// SPDX-License-Identifier: Apache-2.0
// The broker's program: arguments, signals, limits, exit codes; the rest is server/broker.c. Exit codes are Apache
// Kafka's: 1 when it cannot start or cannot go on, 128 and the signal's number after a signal that it obeyed.
#include "base/lock.h"
#include "base/logger.h"
#include "base/thread.h"
#include "server/broker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define USAGE                                                                                                          \
    "USAGE: barnabas server.properties [--override property=value]*\n"                                                 \
    "Runs a Barnabas broker, which stores and serves the topics of a ZooKeeper-coordinated Kafka cluster.\n\n"         \
    "Option                          Description\n"                                                                    \
    "------                          -----------\n"                                                                    \
    "--help                          Print this and exit.\n"                                                           \
    "--override <property=value>     Set a property, whatever the file says about it.\n"                               \
    "--version                       Print the version and exit.\n\n"                                                  \
    "BARNABAS_LOG_LEVEL in the environment: trace, debug, info (default), warn or error.\n"

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

// Signals are for one thread, "signals"; all others block them. While the broker opens one ends the process at once, as
// a crash would, which the next start mends; from its registration on the first one asks for an orderly end.
struct signals {
    sigset_t set;
    struct thread thread;
    struct lock lock; // MAIN guards what follows
    struct condition changed;
    bool is_serving;
    struct broker *broker; // while it starts or serves; NULL before and after
    int received;          // the first one, 0: none yet
};

// SIGHUP is left out when it is ignored from the outset (nohup). SIGUSR1 is broker_request_stop's.
static void signals_block(struct signals *signals)
{
    sigemptyset(&signals->set);
    sigaddset(&signals->set, SIGTERM);
    sigaddset(&signals->set, SIGINT);
    sigaddset(&signals->set, SIGUSR1);
    struct sigaction before;
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaddset(&signals->set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals->set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void signals_run(void *context)
{
    struct signals *signals = context;
    int received;
    while (sigwait(&signals->set, &received) != 0)
        continue;
    lock_acquire(&signals->lock);
    if (!signals->is_serving && received != SIGUSR1)
        _exit(128 + received);
    signals->received = received;
    if (signals->broker != NULL)
        broker_stop_waiting(signals->broker);
    condition_signal(&signals->changed);
    lock_release(&signals->lock);
}

static int signals_start(struct signals *signals)
{
    lock_init(&signals->lock, LOCK_MAIN);
    condition_init(&signals->changed);
    return thread_start(&signals->thread, signals_run, signals, "signals");
}

// Ends the thread if no signal has.
static void signals_stop(struct signals *signals)
{
    pthread_kill(signals->thread.pthread, SIGUSR1);
    thread_join(&signals->thread);
    condition_fini(&signals->changed);
    lock_fini(&signals->lock);
}

static void signals_set_serving(struct signals *signals, struct broker *broker)
{
    lock_acquire(&signals->lock);
    signals->is_serving = true;
    signals->broker = broker;
    lock_release(&signals->lock);
}

// Waits for the first signal if the broker serves, and leaves the broker alone from now on; returns the exit code.
static int signals_wait(struct signals *signals, bool serves)
{
    lock_acquire(&signals->lock);
    while (serves && signals->received == 0)
        condition_wait(&signals->changed, &signals->lock);
    int received = signals->received;
    signals->broker = NULL;
    lock_release(&signals->lock);
    if (received == SIGUSR1 || received == 0)
        return 1;
    logger_info("Terminating process due to signal SIG%s", sigabbrev_np(received));
    return 128 + received;
}

static int run_broker(const struct properties *settings, struct signals *signals)
{
    struct broker *broker = broker_open(settings);
    if (broker == NULL)
        return 1;
    signals_set_serving(signals, broker);
    int code = signals_wait(signals, broker_serve(broker));
    broker_stop(&broker);
    return code;
}

static bool set_log_level(void)
{
    const char *word = getenv("BARNABAS_LOG_LEVEL");
    enum logger_level level = LOGGER_INFO;
    if (word != NULL && *word != 0 && !logger_level_of_string(word, &level)) {
        logger_error("Exiting due to a fatal error: BARNABAS_LOG_LEVEL is %s; allowed are trace, debug, info, warn and "
                     "error",
                     word);
        return false;
    }
    logger_set_level(level);
    return true;
}

static int run(char **arguments, struct signals *signals)
{
    struct properties settings = {0};
    int code = 1;
    if (set_log_level() && read_settings(arguments, &settings)) {
        raise_file_limit();
        code = run_broker(&settings, signals);
    }
    properties_fini(&settings);
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
    struct signals signals = {.received = 0};
    signals_block(&signals);
    int result = signals_start(&signals);
    if (result != 0) {
        logger_fatal("Cannot start a thread: %s.", strerror(-result));
        return 1;
    }
    int code = run(argv, &signals);
    signals_stop(&signals);
    return code;
}
