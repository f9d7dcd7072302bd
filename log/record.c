// SPDX-License-Identifier: Apache-2.0
// Without a codec a record is parsed where it lies, and its length is checked against its contents. A compressed one is
// read from the stream into a buffer of its own size at most (record_reader_next), or walked over through a small
// window (record_reader_skip), which like Apache Kafka's partial reader does not hold the contents against the length.
#include "log/record.h"

#include "base/memory.h"
#include "log/compression.h"

#include <stdlib.h>

#include <pthread.h>

// A block of lz4 as Kafka's clients write it goes straight into the window, behind the beginning of a number that the
// last one left there.
#define WINDOW_SIZE_MIN (64 * 1024 + 64)

// Each thread keeps one reader of compressed batches for the next batch of the same codec: taking its memory from the
// system and giving it back costs more than a small batch's records. Not beyond this size, which hostile streams and
// unusual producers exceed; the usual level of zstd has a window of 2 MB, of which a batch uses as much as it expands
// to.
#define SPARE_MEMORY_MAX ((size_t)4 * 1024 * 1024)

static pthread_once_t spare_once = PTHREAD_ONCE_INIT;
static pthread_key_t spare_key; // of the thread's spare reader
static bool has_spare_key;

struct record_reader {
    struct batch_header header;
    int32_t read_count;
    int codec;
    struct decompressor *decompressor; // NULL without a codec
    struct view rest;                  // without a codec: what was not read yet
    uint8_t *window;                   // with one: decompressed bytes from window_start to window_end
    size_t window_start, window_end, window_capacity;
    size_t record_size_max;
    size_t content_size_left; // that may still be decompressed
};

int varint_decode(const uint8_t *bytes, size_t size, int32_t *value)
{
    uint32_t result = 0;
    for (size_t i = 0; i < 5; i++) {
        if (i == size)
            return 0;
        result |= (uint32_t)(bytes[i] & 0x7f) << (7 * i);
        if (!(bytes[i] & 0x80)) {
            *value = (int32_t)(result >> 1) ^ -(int32_t)(result & 1);
            return (int)i + 1;
        }
    }
    return -1;
}

int varlong_decode(const uint8_t *bytes, size_t size, int64_t *value)
{
    uint64_t result = 0;
    for (size_t i = 0; i < 10; i++) {
        if (i == size)
            return 0;
        result |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (!(bytes[i] & 0x80)) {
            *value = (int64_t)(result >> 1) ^ -(int64_t)(result & 1);
            return (int)i + 1;
        }
    }
    return -1;
}

size_t varlong_encode(uint8_t *bytes, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    size_t count = 0;
    while (zigzag >= 0x80) {
        bytes[count++] = (uint8_t)(zigzag | 0x80);
        zigzag >>= 7;
    }
    bytes[count++] = (uint8_t)zigzag;
    return count;
}

size_t varint_encode(uint8_t *bytes, int32_t value)
{
    return varlong_encode(bytes, value);
}

static void reader_free(void *memory)
{
    struct record_reader *reader = memory;
    decompressor_destroy(reader->decompressor);
    free(reader->window);
    free(reader);
}

static void create_spare_key(void)
{
    has_spare_key = pthread_key_create(&spare_key, reader_free) == 0;
}

// The thread's spare reader of that codec, started anew, or NULL.
static struct record_reader *spare_take(int codec, struct view payload)
{
    pthread_once(&spare_once, create_spare_key);
    struct record_reader *reader = has_spare_key ? pthread_getspecific(spare_key) : NULL;
    if (reader == NULL || reader->codec != codec)
        return NULL;
    (void)pthread_setspecific(spare_key, NULL);
    if (!decompressor_restart(reader->decompressor, payload)) {
        reader_free(reader);
        return NULL;
    }
    reader->read_count = 0;
    reader->window_start = reader->window_end = 0;
    return reader;
}

// Keeps it instead of the one there is.
static bool spare_keep(struct record_reader *reader)
{
    if (!has_spare_key || reader->window_capacity > WINDOW_SIZE_MIN ||
        decompressor_memory(reader->decompressor) > SPARE_MEMORY_MAX)
        return false;
    struct record_reader *other = pthread_getspecific(spare_key);
    if (pthread_setspecific(spare_key, reader) != 0)
        return false;
    if (other != NULL)
        reader_free(other);
    return true;
}

static struct record_reader *reader_alloc(int codec, struct view payload)
{
    struct record_reader *reader = memory_alloc(sizeof *reader);
    reader->codec = codec;
    if (codec == COMPRESSION_NONE) {
        reader->rest = payload;
        return reader;
    }
    reader->decompressor = decompressor_create(codec, payload);
    if (reader->decompressor == NULL) {
        free(reader);
        return NULL;
    }
    return reader;
}

struct record_reader *record_reader_create(struct view batch, const struct batch_header *header, size_t record_size_max)
{
    struct view payload = view_of(batch.data + BATCH_HEADER_SIZE, batch.size - BATCH_HEADER_SIZE);
    int codec = header->attributes & BATCH_CODEC_MASK;
    struct record_reader *reader = codec == COMPRESSION_NONE ? NULL : spare_take(codec, payload);
    if (reader == NULL)
        reader = reader_alloc(codec, payload);
    if (reader == NULL)
        return NULL;
    reader->header = *header;
    reader->record_size_max = record_size_max;
    reader->content_size_left = SIZE_MAX;
    return reader;
}

void record_reader_limit(struct record_reader *reader, size_t content_size_max)
{
    reader->content_size_left = content_size_max;
}

void record_reader_destroy(struct record_reader *reader)
{
    if (reader != NULL && (reader->codec == COMPRESSION_NONE || !spare_keep(reader)))
        reader_free(reader);
}

// A cursor over bytes that are all there. The first failure sticks.
struct cursor {
    struct view rest;
    enum record_result failure; // RECORD_FOUND: none yet
};

static int64_t cursor_take_number(struct cursor *cursor, bool is_long)
{
    int32_t number = 0;
    int64_t long_number = 0;
    int taken = is_long ? varlong_decode(cursor->rest.data, cursor->rest.size, &long_number)
                        : varint_decode(cursor->rest.data, cursor->rest.size, &number);
    if (taken <= 0) {
        if (cursor->failure == RECORD_FOUND)
            cursor->failure = taken < 0 ? RECORD_UNREADABLE : RECORD_INVALID;
        cursor->rest.size = 0;
        return 0;
    }
    cursor->rest = view_of(cursor->rest.data + taken, cursor->rest.size - (size_t)taken);
    return is_long ? long_number : number;
}

// A negative length is null, as Apache Kafka reads it.
static struct view cursor_take_bytes(struct cursor *cursor)
{
    int64_t size = cursor_take_number(cursor, false);
    if (size < 0 || cursor->failure != RECORD_FOUND)
        return VIEW_NULL;
    if ((uint64_t)size > cursor->rest.size) {
        cursor->failure = RECORD_INVALID;
        return VIEW_NULL;
    }
    struct view bytes = view_of(cursor->rest.data, (size_t)size);
    cursor->rest = view_of(cursor->rest.data + size, cursor->rest.size - (size_t)size);
    return bytes;
}

static void cursor_take_headers(struct cursor *cursor, struct record *record)
{
    int64_t count = cursor_take_number(cursor, false);
    // Each header has two bytes at least, so a count beyond that is refused before the loop.
    if (count < 0 || (uint64_t)count > cursor->rest.size / 2) {
        if (cursor->failure == RECORD_FOUND)
            cursor->failure = RECORD_INVALID;
        return;
    }
    const uint8_t *start = cursor->rest.data;
    for (int64_t i = 0; i < count && cursor->failure == RECORD_FOUND; i++) {
        struct view key = cursor_take_bytes(cursor);
        cursor_take_bytes(cursor);
        if (view_is_null(key) && cursor->failure == RECORD_FOUND)
            cursor->failure = RECORD_INVALID;
    }
    record->header_count = (int32_t)count;
    record->headers = view_of(start, (size_t)(cursor->rest.data - start));
}

static void record_set_place(const struct batch_header *header, struct record *record, int64_t timestamp_delta,
                             int32_t offset_delta)
{
    record->offset_delta = offset_delta;
    // The sums may wrap for hostile numbers; like Java's they then simply are some other place and time.
    record->offset = (int64_t)((uint64_t)header->base_offset + (uint64_t)(int64_t)offset_delta);
    record->timestamp = batch_has_log_append_time(header)
                            ? header->max_timestamp
                            : (int64_t)((uint64_t)header->base_timestamp + (uint64_t)timestamp_delta);
}

// `body`: exactly what the record's length says.
static enum record_result parse_body(const struct batch_header *header, struct view body, struct record *record)
{
    if (body.size == 0)
        return RECORD_INVALID;
    struct cursor cursor = {view_of(body.data + 1, body.size - 1), RECORD_FOUND}; // behind the attributes
    int64_t timestamp_delta = cursor_take_number(&cursor, true);
    int32_t offset_delta = (int32_t)cursor_take_number(&cursor, false);
    *record = (struct record){0};
    record_set_place(header, record, timestamp_delta, offset_delta);
    record->key = cursor_take_bytes(&cursor);
    record->value = cursor_take_bytes(&cursor);
    if (cursor.failure == RECORD_FOUND)
        cursor_take_headers(&cursor, record);
    if (cursor.failure == RECORD_FOUND && cursor.rest.size > 0)
        return RECORD_INVALID;
    return cursor.failure;
}

// Takes a varint of at most three bytes; false for a longer one. Three bytes are there.
static inline bool take_short(const uint8_t **at, int32_t *value)
{
    const uint8_t *bytes = *at;
    uint32_t zigzag = bytes[0] & 0x7f;
    if (bytes[0] & 0x80) {
        zigzag |= (uint32_t)(bytes[1] & 0x7f) << 7;
        if (bytes[1] & 0x80) {
            if (bytes[2] & 0x80)
                return false;
            zigzag |= (uint32_t)bytes[2] << 14;
            ++*at;
        }
        ++*at;
    }
    ++*at;
    *value = (int32_t)(zigzag >> 1) ^ -(int32_t)(zigzag & 1);
    return true;
}

// Length and bytes, as cursor_take_bytes. Three bytes more than `end` are there.
static inline bool take_short_bytes(const uint8_t **at, const uint8_t *end, struct view *bytes)
{
    int32_t size;
    if (!take_short(at, &size) || *at > end || size > end - *at)
        return false;
    *bytes = size < 0 ? VIEW_NULL : view_of(*at, (size_t)size);
    *at += size < 0 ? 0 : size;
    return true;
}

// What almost every record is: no number longer than three bytes, no headers, nothing wrong, and not the last of
// `bytes`. It is read at a tenth of the general reader's cost. Returns its size, or 0 for any other.
static inline size_t record_take_short(const struct batch_header *header, struct view bytes, struct record *record)
{
    enum { SLACK = 16 }; // more than the numbers before the key take, and than the one behind a body's last
    if (bytes.size < SLACK)
        return 0;
    const uint8_t *at = bytes.data, *all_end = at + bytes.size - SLACK;
    int32_t size, timestamp_delta, offset_delta;
    if (!take_short(&at, &size) || size < 1 || at > all_end || size > all_end - at)
        return 0;
    const uint8_t *end = at + size;
    at++; // the attributes
    struct view key, value;
    if (!take_short(&at, &timestamp_delta) || !take_short(&at, &offset_delta) || !take_short_bytes(&at, end, &key) ||
        !take_short_bytes(&at, end, &value) || *at != 0 || at + 1 != end)
        return 0;
    *record = (struct record){.key = key, .value = value, .headers = view_of(end, 0)};
    record_set_place(header, record, timestamp_delta, offset_delta);
    return (size_t)(end - bytes.data);
}

static enum record_result plain_next(struct record_reader *reader, struct record *record)
{
    size_t taken = record_take_short(&reader->header, reader->rest, record);
    if (taken > 0) {
        reader->rest = view_of(reader->rest.data + taken, reader->rest.size - taken);
        return RECORD_FOUND;
    }
    struct cursor cursor = {reader->rest, RECORD_FOUND};
    int64_t size = cursor_take_number(&cursor, false);
    if (cursor.failure != RECORD_FOUND)
        return cursor.failure;
    if (size < 0 || (uint64_t)size > cursor.rest.size)
        return RECORD_INVALID;
    reader->rest = view_of(cursor.rest.data + size, cursor.rest.size - (size_t)size);
    return parse_body(&reader->header, view_of(cursor.rest.data, (size_t)size), record);
}

// Makes at least `size` decompressed bytes available in the window, fewer only at the end of the stream.
static enum record_result window_fill(struct record_reader *reader, size_t size)
{
    if (reader->window_end - reader->window_start >= size)
        return RECORD_FOUND;
    if (reader->window_start > 0) {
        memmove(reader->window, reader->window + reader->window_start, reader->window_end - reader->window_start);
        reader->window_end -= reader->window_start;
        reader->window_start = 0;
    }
    while (reader->window_end < size) {
        if (reader->window_end == reader->window_capacity) {
            // Grows with what really arrives, not with what a record's length claims.
            size_t capacity = reader->window_capacity ? reader->window_capacity * 2 : WINDOW_SIZE_MIN;
            reader->window = memory_resize(reader->window, capacity, 1);
            reader->window_capacity = capacity;
        }
        ssize_t count = decompressor_read(reader->decompressor, reader->window + reader->window_end,
                                          reader->window_capacity - reader->window_end);
        if (count < 0)
            return RECORD_UNREADABLE;
        if (count == 0)
            break;
        if ((size_t)count > reader->content_size_left)
            return RECORD_TOO_LARGE;
        reader->content_size_left -= (size_t)count;
        reader->window_end += (size_t)count;
    }
    return RECORD_FOUND;
}

static struct view window_rest(const struct record_reader *reader)
{
    return view_of(reader->window + reader->window_start, reader->window_end - reader->window_start);
}

static bool window_take_short(struct record_reader *reader, struct record *record)
{
    if (reader->window == NULL)
        return false;
    size_t taken = record_take_short(&reader->header, window_rest(reader), record);
    reader->window_start += taken;
    return taken > 0;
}

static enum record_result stream_take_number(struct record_reader *reader, bool is_long, int64_t *number)
{
    enum record_result result = window_fill(reader, 10);
    if (result != RECORD_FOUND)
        return result;
    struct cursor cursor = {window_rest(reader), RECORD_FOUND};
    *number = cursor_take_number(&cursor, is_long);
    reader->window_start = reader->window_end - cursor.rest.size;
    return cursor.failure;
}

static enum record_result compressed_next(struct record_reader *reader, struct record *record)
{
    int64_t size = 0;
    enum record_result result = stream_take_number(reader, false, &size);
    if (result != RECORD_FOUND)
        return result;
    if (size < 0 || (uint64_t)size > reader->record_size_max)
        return RECORD_INVALID;
    result = window_fill(reader, (size_t)size);
    if (result != RECORD_FOUND)
        return result;
    if (reader->window_end - reader->window_start < (size_t)size)
        return RECORD_INVALID;
    struct view body = view_of(reader->window + reader->window_start, (size_t)size);
    reader->window_start += (size_t)size;
    return parse_body(&reader->header, body, record);
}

static enum record_result stream_skip(struct record_reader *reader, int64_t size)
{
    while (size > 0) {
        enum record_result result = window_fill(reader, 1);
        if (result != RECORD_FOUND)
            return result;
        size_t available = reader->window_end - reader->window_start;
        if (available == 0)
            return RECORD_INVALID;
        size_t taken = (uint64_t)size < available ? (size_t)size : available;
        reader->window_start += taken;
        size -= (int64_t)taken;
    }
    return RECORD_FOUND;
}

// Length and bytes; *is_null: the length was negative.
static enum record_result stream_skip_bytes(struct record_reader *reader, bool *is_null)
{
    int64_t size = 0;
    enum record_result result = stream_take_number(reader, false, &size);
    *is_null = size < 0;
    return result == RECORD_FOUND ? stream_skip(reader, size) : result;
}

static enum record_result stream_skip_headers(struct record_reader *reader, struct record *record)
{
    int64_t count = 0;
    enum record_result result = stream_take_number(reader, false, &count);
    if (result == RECORD_FOUND && count < 0)
        result = RECORD_INVALID;
    for (int64_t i = 0; result == RECORD_FOUND && i < count; i++) {
        bool key_is_null, value_is_null;
        result = stream_skip_bytes(reader, &key_is_null);
        if (result == RECORD_FOUND && key_is_null)
            result = RECORD_INVALID;
        if (result == RECORD_FOUND)
            result = stream_skip_bytes(reader, &value_is_null);
    }
    record->header_count = (int32_t)count;
    return result;
}

static enum record_result compressed_skip(struct record_reader *reader, struct record *record)
{
    if (window_take_short(reader, record))
        return RECORD_FOUND;
    int64_t size = 0, timestamp_delta = 0, offset_delta = 0;
    bool key_is_null = true, value_is_null = true;
    *record = (struct record){0};
    enum record_result result = stream_take_number(reader, false, &size);
    if (result == RECORD_FOUND)
        result = stream_skip(reader, 1);
    if (result == RECORD_FOUND)
        result = stream_take_number(reader, true, &timestamp_delta);
    if (result == RECORD_FOUND)
        result = stream_take_number(reader, false, &offset_delta);
    if (result == RECORD_FOUND)
        result = stream_skip_bytes(reader, &key_is_null);
    if (result == RECORD_FOUND)
        result = stream_skip_bytes(reader, &value_is_null);
    if (result == RECORD_FOUND)
        result = stream_skip_headers(reader, record);
    record_set_place(&reader->header, record, timestamp_delta, (int32_t)offset_delta);
    record->key = key_is_null ? VIEW_NULL : view_of("", 0);
    record->value = value_is_null ? VIEW_NULL : view_of("", 0);
    return result;
}

static enum record_result check_end(struct record_reader *reader)
{
    if (reader->decompressor == NULL)
        return reader->rest.size == 0 ? RECORD_END : RECORD_INVALID;
    enum record_result result = window_fill(reader, 1);
    if (result != RECORD_FOUND)
        return result;
    return reader->window_start == reader->window_end ? RECORD_END : RECORD_INVALID;
}

enum record_result record_reader_next(struct record_reader *reader, struct record *record)
{
    if (reader->read_count >= reader->header.record_count)
        return check_end(reader);
    reader->read_count++;
    return reader->decompressor == NULL ? plain_next(reader, record) : compressed_next(reader, record);
}

enum record_result record_reader_skip(struct record_reader *reader, struct record *record)
{
    if (reader->decompressor == NULL)
        return record_reader_next(reader, record);
    if (reader->read_count >= reader->header.record_count)
        return check_end(reader);
    reader->read_count++;
    return compressed_skip(reader, record);
}

bool record_header_next(struct view *headers, struct record_header *header)
{
    if (headers->size == 0)
        return false;
    struct cursor cursor = {*headers, RECORD_FOUND};
    header->key = cursor_take_bytes(&cursor);
    header->value = cursor_take_bytes(&cursor);
    *headers = cursor.rest;
    return cursor.failure == RECORD_FOUND;
}
