// SPDX-License-Identifier: Apache-2.0
// Stands in for libFuzzer where the compiler has none: replay RUNS CORPUS runs every file of the folder, then RUNS
// random changes of them, the same ones each time. A file alone instead of a folder is run as it is.
#include "test/fuzz/message_random.h"

#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_SIZE_MAX = 64 * 1024, CHANGES_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *bytes;
    size_t size;
};

static struct input read_input(const char *path)
{
    struct input input = {malloc(INPUT_SIZE_MAX), 0};
    FILE *file = fopen(path, "rb");
    if (input.bytes == NULL || file == NULL) {
        perror(path);
        exit(1);
    }
    input.size = fread(input.bytes, 1, INPUT_SIZE_MAX, file);
    fclose(file);
    return input;
}

// Memory of just that size, so that the sanitizer sees what reads beyond it.
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t change(uint8_t *bytes, size_t size, uint64_t *state)
{
    static const uint8_t extremes[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe};
    size_t at = size > 0 ? random_next(state) % size : 0, count = 1 + random_next(state) % 8;
    uint64_t value = random_next(state);
    switch (random_next(state) % 6) {
    case 0:
        bytes[at] ^= (uint8_t)(1 << value % 8);
        return size;
    case 1:
        bytes[at] = (uint8_t)value;
        return size;
    case 2:
        bytes[at] = extremes[value % sizeof extremes];
        return size;
    case 3: // cut
        return at;
    case 4: // take out
        count = count < size - at ? count : size - at;
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count;
    default: // repeat
        count = count < size - at ? count : size - at;
        if (size + count > INPUT_SIZE_MAX)
            return size;
        memmove(bytes + at + count, bytes + at, size - at);
        return size + count;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: replay RUNS FOLDER|FILE\n", stderr);
        return 2;
    }
    char pattern[4096];
    glob_t files;
    long runs = strtol(argv[1], NULL, 10);
    snprintf(pattern, sizeof pattern, "%s/*", argv[2]);
    if (glob(pattern, 0, NULL, &files) != 0 && glob(argv[2], GLOB_NOMAGIC, NULL, &files) != 0) {
        fprintf(stderr, "%s: nothing there\n", argv[2]);
        return 1;
    }
    struct input *inputs = calloc(files.gl_pathc, sizeof *inputs);
    uint8_t *bytes = malloc(INPUT_SIZE_MAX + 1);
    if (inputs == NULL || bytes == NULL)
        return 1;
    for (size_t i = 0; i < files.gl_pathc; i++) {
        inputs[i] = read_input(files.gl_pathv[i]);
        run(inputs[i].bytes, inputs[i].size);
    }
    uint64_t state = 1;
    for (long i = 0; i < runs; i++) {
        const struct input *input = &inputs[random_next(&state) % files.gl_pathc];
        size_t size = input->size, changes = 1 + random_next(&state) % CHANGES_MAX;
        memcpy(bytes, input->bytes, size);
        for (size_t j = 0; j < changes && size > 0; j++)
            size = change(bytes, size, &state);
        run(bytes, size);
    }
    printf("%zu inputs, %ld changed\n", files.gl_pathc, runs);
    for (size_t i = 0; i < files.gl_pathc; i++)
        free(inputs[i].bytes);
    free(inputs);
    free(bytes);
    globfree(&files);
    return 0;
}
