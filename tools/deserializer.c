// SPDX-License-Identifier: Apache-2.0
#include "tools/deserializer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct deserializer {
    const char *name; // behind the package
    size_t size;      // of every value, or 0
    const char *size_text;
    void (*append)(struct view bytes, struct deserializer_text *text);
};

static const char PACKAGE[] = "org.apache.kafka.common.serialization.";

static void append_bytes(struct view bytes, struct deserializer_text *text)
{
    for (size_t i = 0; i < bytes.size; i++)
        *array_append(text) = (char)bytes.data[i];
}

static void append_string(struct deserializer_text *text, const char *string)
{
    append_bytes(view_of_string(string), text);
}

static uint64_t big_endian(struct view bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

static void append_integer(struct view bytes, struct deserializer_text *text)
{
    char string[32];
    unsigned shift = 64 - 8 * (unsigned)bytes.size;
    snprintf(string, sizeof string, "%" PRId64, (int64_t)(big_endian(bytes) << shift) >> shift);
    append_string(text, string);
}

// As Java prints it: the shortest digits that read back the same, 1.0E10 from ten million on and below a thousandth.
static void append_real(double value, int digits_max, bool is_float, struct deserializer_text *text)
{
    if (isnan(value) || isinf(value)) {
        append_string(text, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    char string[64];
    for (int digits = 1; digits <= digits_max; digits++) {
        snprintf(string, sizeof string, "%.*e", digits - 1, value);
        if (is_float ? strtof(string, NULL) == (float)value : strtod(string, NULL) == value)
            break;
    }
    int exponent = atoi(strchr(string, 'e') + 1);
    char *digits = string + (string[0] == '-');
    size_t count = strcspn(digits, "e");
    if (fabs(value) >= 1e-3 && fabs(value) < 1e7) {
        int decimals = (int)count - (count > 1 ? 2 : 1) - exponent;
        char plain[64];
        snprintf(plain, sizeof plain, "%.*f", decimals < 1 ? 1 : decimals, value);
        append_string(text, plain);
        return;
    }
    if (value == 0) {
        append_string(text, signbit(value) ? "-0.0" : "0.0");
        return;
    }
    append_bytes(view_of(string, (size_t)(digits - string) + count), text);
    char tail[16];
    snprintf(tail, sizeof tail, "%sE%d", count == 1 ? ".0" : "", exponent);
    append_string(text, tail);
}

static void append_double(struct view bytes, struct deserializer_text *text)
{
    uint64_t bits = big_endian(bytes);
    double value;
    memcpy(&value, &bits, sizeof value);
    append_real(value, 17, false, text);
}

static void append_float(struct view bytes, struct deserializer_text *text)
{
    uint32_t bits = (uint32_t)big_endian(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    append_real((double)value, 9, true, text);
}

static void append_boolean(struct view bytes, struct deserializer_text *text)
{
    append_string(text, bytes.data[0] ? "true" : "false");
}

// Kafka's Bytes: what is printable as it is, the rest as \xNN.
static void append_escaped(struct view bytes, struct deserializer_text *text)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char string[8];
        uint8_t byte = bytes.data[i];
        bool is_plain = byte >= ' ' && byte <= '~' && byte != '\\';
        snprintf(string, sizeof string, is_plain ? "%c" : "\\x%02X", byte);
        append_string(text, string);
    }
}

static const struct deserializer deserializers[] = {
    {"StringDeserializer", 0, NULL, append_bytes},   {"LongDeserializer", 8, "8", append_integer},
    {"IntegerDeserializer", 4, "4", append_integer}, {"ShortDeserializer", 2, "2", append_integer},
    {"DoubleDeserializer", 8, "8", append_double},   {"FloatDeserializer", 4, "4", append_float},
    {"BooleanDeserializer", 1, "1", append_boolean}, {"UUIDDeserializer", 0, NULL, append_bytes},
    {"BytesDeserializer", 0, NULL, append_escaped},
};

const struct deserializer *deserializer_find(const char *class_name)
{
    size_t package_size = sizeof PACKAGE - 1;
    for (size_t i = 0; i < sizeof deserializers / sizeof deserializers[0]; i++) {
        if (strncmp(class_name, PACKAGE, package_size) == 0 &&
            strcmp(class_name + package_size, deserializers[i].name) == 0)
            return &deserializers[i];
    }
    return NULL;
}

bool deserializer_append(const struct deserializer *deserializer, struct view bytes, struct deserializer_text *text,
                         char **error)
{
    if (deserializer->size > 0 && bytes.size != deserializer->size) {
        *error = memory_format("Size of data received by %s is not %s", deserializer->name, deserializer->size_text);
        return false;
    }
    deserializer->append(bytes, text);
    return true;
}
