// SPDX-License-Identifier: Apache-2.0
#include "tools/deserializer.h"

#include "test/unit/suite.h"

#include <stdlib.h>

static void expect(const char *name, const char *bytes, size_t size, const char *wanted)
{
    char class_name[128];
    snprintf(class_name, sizeof class_name, "org.apache.kafka.common.serialization.%s", name);
    const struct deserializer *deserializer = deserializer_find(class_name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(deserializer);
    struct deserializer_text text = {0};
    char *error;
    if (deserializer_append(deserializer, view_of(bytes, size), &text, &error)) {
        *array_append(&text) = '\0';
        CU_ASSERT_STRING_EQUAL(text.items, wanted);
    } else {
        CU_ASSERT_STRING_EQUAL(error, wanted);
        free(error);
    }
    array_fini(&text);
}

static void numbers(void)
{
    expect("LongDeserializer", "\0\0\0\0\0\0\1\0", 8, "256");
    expect("LongDeserializer", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", 8, "-2");
    expect("LongDeserializer", "v1", 2, "Size of data received by LongDeserializer is not 8");
    expect("IntegerDeserializer", "\x80\0\0\0", 4, "-2147483648");
    expect("ShortDeserializer", "\x7F\xFF", 2, "32767");
    expect("BooleanDeserializer", "\1", 1, "true");
}

// As Java's Double.toString and Float.toString print them.
static void reals(void)
{
    expect("DoubleDeserializer", "\x3F\xF0\0\0\0\0\0\0", 8, "1.0");
    expect("DoubleDeserializer", "\x3F\xB9\x99\x99\x99\x99\x99\x9A", 8, "0.1");
    expect("DoubleDeserializer", "\xC0\x5E\xDD\x2F\x1A\x9F\xBE\x77", 8, "-123.456");
    expect("DoubleDeserializer", "\x41\x63\x12\xD0\0\0\0\0", 8, "1.0E7");
    expect("DoubleDeserializer", "\x3F\x40\x62\x4D\xD2\xF1\xA9\xFC", 8, "5.0E-4");
    expect("DoubleDeserializer", "\x7F\xF0\0\0\0\0\0\0", 8, "Infinity");
    expect("DoubleDeserializer", "\0\0\0\0\0\0\0\0", 8, "0.0");
    expect("FloatDeserializer", "\x3D\xCC\xCC\xCD", 4, "0.1");
}

static void strings(void)
{
    expect("StringDeserializer", "h\xC3\xA9", 3, "h\xC3\xA9");
    expect("BytesDeserializer", "a\1\\", 3, "a\\x01\\x5C");
    CU_ASSERT_PTR_NULL(deserializer_find("no.such.Class"));
    CU_ASSERT_PTR_NULL(deserializer_find("org.apache.kafka.common.serialization.ByteBufferDeserializer"));
}

SUITE_MAIN("tools/deserializer", {"numbers", numbers}, {"reals", reals}, {"strings", strings})
