// SPDX-License-Identifier: Apache-2.0
// Three streams at once hide the latency of the processor's crc instruction (one result each cycle, three cycles late);
// the partial sums are joined by tables that advance a crc over a block of zeros. Without the instruction: a table of
// 8 x 256 entries.
#include "log/crc32c.h"

#include <endian.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL_REVERSED 0x82f63b78u
#define BLOCK_SIZE 1024 // of each stream

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;
static uint32_t byte_table[8][256];  // slicing by eight
static uint32_t zeros_table[4][256]; // a crc's bytes, each advanced over BLOCK_SIZE zeros
static bool has_instruction;

static uint32_t advance_by_table(uint32_t crc, const uint8_t *bytes, size_t size)
{
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        word = le64toh(word) ^ crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= byte_table[7 - i][(word >> (8 * i)) & 0xff];
    }
    while (size-- > 0)
        crc = (crc >> 8) ^ byte_table[0][(crc ^ *bytes++) & 0xff];
    return crc;
}

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL_REVERSED : crc >> 1;
        byte_table[0][i] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (int i = 0; i < 256; i++)
            byte_table[k][i] = (byte_table[k - 1][i] >> 8) ^ byte_table[0][byte_table[k - 1][i] & 0xff];
    }
    static const uint8_t zeros[BLOCK_SIZE];
    for (int k = 0; k < 4; k++) {
        for (uint32_t i = 0; i < 256; i++)
            zeros_table[k][i] = advance_by_table(i << (8 * k), zeros, BLOCK_SIZE);
    }
#if defined(__x86_64__)
    has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

#if defined(__x86_64__)
static uint32_t advance_over_block_of_zeros(uint32_t crc)
{
    return zeros_table[0][crc & 0xff] ^ zeros_table[1][(crc >> 8) & 0xff] ^ zeros_table[2][(crc >> 16) & 0xff] ^
           zeros_table[3][crc >> 24];
}

static uint64_t load(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t advance_by_instruction(uint32_t crc, const uint8_t *bytes,
                                                                         size_t size)
{
    for (; size >= 3 * BLOCK_SIZE; bytes += 3 * BLOCK_SIZE, size -= 3 * BLOCK_SIZE) {
        uint64_t first = crc, second = 0, third = 0;
        for (size_t i = 0; i < BLOCK_SIZE; i += 8) {
            first = __builtin_ia32_crc32di(first, load(bytes + i));
            second = __builtin_ia32_crc32di(second, load(bytes + BLOCK_SIZE + i));
            third = __builtin_ia32_crc32di(third, load(bytes + 2 * BLOCK_SIZE + i));
        }
        crc = advance_over_block_of_zeros((uint32_t)first) ^ (uint32_t)second;
        crc = advance_over_block_of_zeros(crc) ^ (uint32_t)third;
    }
    uint64_t wide = crc;
    for (; size >= 8; bytes += 8, size -= 8)
        wide = __builtin_ia32_crc32di(wide, load(bytes));
    crc = (uint32_t)wide;
    while (size-- > 0)
        crc = __builtin_ia32_crc32qi(crc, *bytes++);
    return crc;
}
#endif

uint32_t crc32c_update(uint32_t crc, const void *bytes, size_t size)
{
    pthread_once(&tables_once, make_tables);
    crc = ~crc;
#if defined(__x86_64__)
    if (has_instruction)
        return ~advance_by_instruction(crc, bytes, size);
#endif
    return ~advance_by_table(crc, bytes, size);
}
