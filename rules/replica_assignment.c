// SPDX-License-Identifier: Apache-2.0
#include "rules/replica_assignment.h"

#include "base/view.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

// The brokers in the order in which replicas are dealt out, and what a deal must respect.
struct deck {
    const struct assignment_broker **brokers;
    int32_t count;
    int32_t rack_count; // 0: racks do not matter
};

static enum kafka_error refuse(enum kafka_error error, const char *text, const char **message)
{
    *message = text;
    return error;
}

static int32_t random_below(int32_t bound)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        abort();
    return (int32_t)(number % (uint32_t)bound);
}

static int compare_by_rack(const void *a, const void *b)
{
    const struct assignment_broker *x = *(const struct assignment_broker *const *)a;
    const struct assignment_broker *y = *(const struct assignment_broker *const *)b;
    int order = strcmp(x->rack, y->rack);
    return order != 0 ? order : (x->id > y->id) - (x->id < y->id);
}

static bool is_same_rack(const struct assignment_broker *a, const struct assignment_broker *b)
{
    return strcmp(a->rack, b->rack) == 0;
}

// One broker of each rack in turn, racks and brokers in rising order.
static bool deck_alternate_racks(struct deck *deck, struct arena *arena)
{
    const struct assignment_broker **sorted = arena_alloc_array(arena, (size_t)deck->count, sizeof(void *));
    if (sorted == NULL)
        return false;
    memcpy(sorted, deck->brokers, (size_t)deck->count * sizeof(void *));
    qsort(sorted, (size_t)deck->count, sizeof(void *), compare_by_rack);
    int32_t dealt = 0;
    for (int32_t round = 0; dealt < deck->count; round++) {
        int32_t in_rack = 0;
        for (int32_t i = 0; i < deck->count; i++) {
            in_rack = i > 0 && is_same_rack(sorted[i], sorted[i - 1]) ? in_rack + 1 : 0;
            deck->rack_count += round == 0 && in_rack == 0;
            if (in_rack == round)
                deck->brokers[dealt++] = sorted[i];
        }
    }
    return true;
}

static enum kafka_error deck_init(struct deck *deck, struct arena *arena, const struct assignment_broker *brokers,
                                  int32_t count, const char **message)
{
    *deck = (struct deck){arena_alloc_array(arena, (size_t)count, sizeof(void *)), count, 0};
    if (deck->brokers == NULL)
        return refuse(KAFKA_UNKNOWN_SERVER_ERROR, "out of memory", message);
    int32_t with_rack = 0;
    for (int32_t i = 0; i < count; i++) {
        deck->brokers[i] = &brokers[i];
        with_rack += brokers[i].rack != NULL;
    }
    if (with_rack == 0)
        return KAFKA_NONE;
    if (with_rack < count)
        return refuse(KAFKA_INVALID_REQUEST, "Not all brokers have rack information for replica rack aware assignment.",
                      message);
    if (!deck_alternate_racks(deck, arena))
        return refuse(KAFKA_UNKNOWN_SERVER_ERROR, "out of memory", message);
    return KAFKA_NONE;
}

static int32_t deck_index(const struct deck *deck, int32_t first, int64_t shift, int32_t nth)
{
    int64_t distance = 1 + (shift + nth) % (deck->count - 1);
    return (int32_t)((first + distance) % deck->count);
}

// Whether the broker may get the next replica: in a rack without one, unless all racks have one.
static bool deck_may_use(const struct deck *deck, int32_t at, const int32_t *used, int32_t used_count)
{
    bool rack_is_used = false;
    int32_t racks_used = 0;
    for (int32_t i = 0; i < used_count; i++) {
        if (used[i] == at)
            return false;
        if (deck->rack_count == 0)
            continue;
        rack_is_used |= is_same_rack(deck->brokers[used[i]], deck->brokers[at]);
        bool is_first_of_rack = true;
        for (int32_t j = 0; j < i; j++)
            is_first_of_rack &= !is_same_rack(deck->brokers[used[i]], deck->brokers[used[j]]);
        racks_used += is_first_of_rack;
    }
    return !rack_is_used || racks_used == deck->rack_count;
}

// Fills used[0 … replication_factor) with places in the deck.
static void deck_deal(const struct deck *deck, int32_t first, int64_t shift, int32_t *used, int32_t replication_factor)
{
    used[0] = first;
    int32_t nth = 0;
    for (int32_t count = 1; count < replication_factor; count++) {
        int64_t stride = deck->rack_count == 0 ? shift : shift * deck->rack_count;
        do
            used[count] = deck_index(deck, first, stride, nth++);
        while (!deck_may_use(deck, used[count], used, count));
    }
}

enum kafka_error replica_assignment_spread(struct arena *arena, const struct assignment_broker *brokers,
                                           int32_t broker_count, int32_t partition_count, int32_t replication_factor,
                                           int32_t first_partition, int32_t start_index,
                                           const struct replica_list **lists, const char **message)
{
    if (partition_count <= 0)
        return refuse(KAFKA_INVALID_PARTITIONS, "Number of partitions must be larger than 0.", message);
    if (replication_factor <= 0)
        return refuse(KAFKA_INVALID_REPLICATION_FACTOR, "Replication factor must be larger than 0.", message);
    if (replication_factor > broker_count)
        return refuse(KAFKA_INVALID_REPLICATION_FACTOR,
                      arena_format(arena, "Replication factor: %d larger than available brokers: %d.",
                                   replication_factor, broker_count),
                      message);
    struct deck deck;
    enum kafka_error error = deck_init(&deck, arena, brokers, broker_count, message);
    if (error != KAFKA_NONE)
        return error;
    struct replica_list *results = arena_alloc_array(arena, (size_t)partition_count, sizeof *results);
    if (results == NULL)
        return refuse(KAFKA_UNKNOWN_SERVER_ERROR, "out of memory", message);
    int64_t start = start_index >= 0 ? start_index : random_below(broker_count);
    int64_t shift = start_index >= 0 ? start_index : random_below(broker_count);
    for (int32_t i = 0; i < partition_count; i++) {
        int64_t partition = (int64_t)first_partition + i;
        if (partition > 0 && partition % broker_count == 0)
            shift++;
        int32_t *replicas = arena_alloc_array(arena, (size_t)replication_factor, sizeof *replicas);
        if (replicas == NULL)
            return refuse(KAFKA_UNKNOWN_SERVER_ERROR, "out of memory", message);
        deck_deal(&deck, (int32_t)((partition + start) % broker_count), shift, replicas, replication_factor);
        for (int32_t j = 0; j < replication_factor; j++)
            replicas[j] = deck.brokers[replicas[j]]->id;
        results[i] = (struct replica_list){replicas, replication_factor};
    }
    *lists = results;
    return KAFKA_NONE;
}

// Reads a broker id at *text and moves behind it.
static bool parse_id(const char **text, int32_t *id)
{
    if (!isdigit((unsigned char)**text))
        return false;
    errno = 0;
    char *end;
    long value = strtol(*text, &end, 10);
    if (errno != 0 || value > INT32_MAX)
        return false;
    *id = (int32_t)value;
    *text = end;
    return true;
}

static size_t count_of(const char *text, char c)
{
    size_t count = 0;
    for (; *text != 0; text++)
        count += *text == c;
    return count;
}

// "[1, 2]"
static const char *format_ids(struct arena *arena, const struct replica_list *list)
{
    const char *text = arena_format(arena, "[");
    for (int32_t i = 0; text != NULL && i < list->count; i++)
        text = arena_format(arena, "%s%s%d", text, i > 0 ? ", " : "", list->broker_ids[i]);
    text = text == NULL ? NULL : arena_format(arena, "%s]", text);
    return text == NULL ? "" : text;
}

enum kafka_error replica_assignment_parse(struct arena *arena, const char *text, const struct replica_list **lists,
                                          int32_t *partition_count, const char **message)
{
    size_t partitions_max = count_of(text, ',') + 1;
    struct replica_list *results = arena_alloc_array(arena, partitions_max, sizeof *results);
    int32_t *ids = arena_alloc_array(arena, partitions_max + count_of(text, ':'), sizeof *ids);
    if (results == NULL || ids == NULL)
        return refuse(KAFKA_UNKNOWN_SERVER_ERROR, "out of memory", message);
    int32_t partition = 0;
    for (;; text++, partition++) {
        struct replica_list *list = &results[partition];
        list->broker_ids = ids;
        for (;; text++) {
            const char *word = text;
            if (!parse_id(&text, ids) || (*text != ':' && *text != ',' && *text != 0))
                return refuse(KAFKA_INVALID_REPLICA_ASSIGNMENT,
                              arena_format(arena, "For input string: \"%.*s\"", (int)strcspn(word, ":,"), word),
                              message);
            for (int32_t i = 0; i < list->count; i++) {
                if (list->broker_ids[i] == *ids)
                    return refuse(
                        KAFKA_INVALID_REPLICA_ASSIGNMENT,
                        arena_format(arena, "Partition replica lists may not contain duplicate entries: %d", *ids),
                        message);
            }
            ids++;
            list->count++;
            if (*text != ':')
                break;
        }
        if (list->count != results[0].count)
            return refuse(KAFKA_INVALID_REPLICA_ASSIGNMENT,
                          arena_format(arena, "Partition %d has different replication factor: %s", partition,
                                       format_ids(arena, list)),
                          message);
        if (*text == 0)
            break;
    }
    *lists = results;
    *partition_count = partition + 1;
    return KAFKA_NONE;
}
