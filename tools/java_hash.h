// SPDX-License-Identifier: Apache-2.0
// The order in which Java's HashMap and HashSet hand out strings: what Kafka's programs do not sort, they print in it.
// Stateless.
#ifndef TOOLS_JAVA_HASH_H
#define TOOLS_JAVA_HASH_H

#include <stddef.h>
#include <stdint.h>

// String.hashCode() of UTF-8 text.
uint32_t java_hash(const char *string);

// The slots of a HashMap that was made for so many entries (16 when nothing is said) and grew to count.
uint32_t java_hash_capacity(size_t made_for, size_t count);

// Compares two strings by the slot that they take in a table of that many slots; 0 when it is the same one (then the
// one that was put in first comes first).
int java_hash_compare(const char *a, const char *b, uint32_t capacity);

// Puts items into that order. Each is a struct with the string, const char *, at that offset. Items of the same slot
// stay in the order in which they are.
void java_hash_sort(void *items, size_t count, size_t item_size, size_t string_offset, uint32_t capacity);

#endif
