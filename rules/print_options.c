// SPDX-License-Identifier: Apache-2.0
// Prints docs/configuration.md from the table of options: print_options FILE. A program of the build.
#include "rules/options.h"

#include <stdio.h>
#include <string.h>

static const char *const types[] = {"",     "boolean", "string", "int",   "short",
                                    "long", "double",  "list",   "class", "password"};
static const char *const updates[] = {"at a restart", "per broker, while it runs", "cluster-wide, while brokers run",
                                      "only in ZooKeeper"};

struct section {
    enum option_scope scope;
    const char *title;
    const char *text;
};

static const struct section sections[] = {
    {OPTION_SCOPE_BROKER, "Broker",
     "Set in `server.properties` or with `--override`; those that may change while brokers run also in ZooKeeper, "
     "where "
     "`/config/brokers/N` goes before `/config/brokers/<default>` and both before the file."},
    {OPTION_SCOPE_TOPIC, "Topic",
     "Set per topic, at its creation or later. The default is what the broker's key says."},
    {OPTION_SCOPE_BROKER_DYNAMIC, "Broker, only in ZooKeeper", "Set per broker while it runs, never in the file."},
    {OPTION_SCOPE_CLIENT_QUOTA, "Client quotas", "Kept in ZooKeeper for clients."},
    {OPTION_SCOPE_USER, "Users", "Kept in ZooKeeper for users."},
    {OPTION_SCOPE_IP_QUOTA, "Addresses", "Kept in ZooKeeper for addresses."},
    {OPTION_SCOPE_CLIENT_METRICS, "Client metrics", "Kafka has these with KRaft only."},
};

static const struct {
    enum option_handling handling;
    const char *title;
} groups[] = {
    {OPTION_HANDLING_ACTED_ON, "Acted on"},
    {OPTION_HANDLING_WARNED, "Known, not acted on: a value other than the default is warned about at the start"},
    {OPTION_HANDLING_REFUSED, "Refused: a value other than the default stops the start"},
};

static void print_valid(FILE *out, const struct option_row *row)
{
    bool is_real = row->type == OPTION_TYPE_DOUBLE;
    switch (row->valid.kind) {
    case OPTION_VALID_ANY:
        return;
    case OPTION_VALID_RANGE:
        fprintf(out, is_real ? ", from %g" : ", from %.0f", row->valid.minimum);
        if (row->valid.has_maximum)
            fprintf(out, is_real ? " to %g" : " to %.0f", row->valid.maximum);
        return;
    case OPTION_VALID_ONE_OF:
    case OPTION_VALID_ONE_OF_ANY_CASE:
        fprintf(out, ", one of %s", row->valid.words);
        return;
    case OPTION_VALID_EACH_OF:
        fprintf(out, " of %s", row->valid.words);
        return;
    case OPTION_VALID_NON_EMPTY:
        fputs(", not empty", out);
        return;
    case OPTION_VALID_VERSION:
        fputs(", a version of Kafka", out);
        return;
    case OPTION_VALID_GZIP_LEVEL:
        fputs(", from 1 to 9, or -1", out);
        return;
    case OPTION_VALID_THROTTLED_REPLICAS:
        fputs(" of partition:broker, or *", out);
        return;
    }
}

static void print_row(FILE *out, const struct option_row *row)
{
    fprintf(out, "- `%s` (%s", row->name, types[row->type]);
    print_valid(out, row);
    if (row->default_value == NULL)
        fputs("; unset", out);
    else if (*row->default_value == 0)
        fputs("; empty", out);
    else
        fprintf(out, "; `%s`", row->default_value);
    if (row->scope == OPTION_SCOPE_BROKER)
        fprintf(out, "; %s", updates[row->update]);
    if (row->synonyms != NULL)
        fprintf(out, "; %s `%s`", row->scope == OPTION_SCOPE_TOPIC ? "from" : "for topics", row->synonyms);
    fprintf(out, "): %s\n", row->text);
}

static void print_group(FILE *out, enum option_scope scope, enum option_handling handling, const char *title)
{
    bool is_first = true;
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = option_row((enum option)i);
        if (row->scope != scope || row->handling != handling)
            continue;
        if (is_first)
            fprintf(out, "\n### %s\n\n", title);
        is_first = false;
        print_row(out, row);
    }
}

int main(int argc, char **argv)
{
    FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (out == NULL) {
        perror(argc == 2 ? argv[1] : "usage: print_options FILE");
        return 1;
    }
    fputs("# Configuration\n\nEvery key of Kafka 3.9: name, type and bounds, default, when a change takes effect, "
          "meaning. "
          "Made from\n`rules/options.def`; `cmake --build build/asan --target configuration_document` renews this "
          "page.\n",
          out);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        fprintf(out, "\n## %s\n\n%s\n", sections[i].title, sections[i].text);
        for (size_t j = 0; j < sizeof groups / sizeof groups[0]; j++)
            print_group(out, sections[i].scope, groups[j].handling, groups[j].title);
    }
    return fclose(out) == 0 ? 0 : 1;
}
