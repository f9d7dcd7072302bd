// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/fuzz_directory.h"

#include "base/big_endian.h"
#include "base/file.h"
#include "base/memory.h"
#include "log/crc32c.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 512, SNAPSHOT_HEADER_SIZE = 10, SNAPSHOT_ENTRY_SIZE = 46 };

static char directory[64];

static void require(bool is_good)
{
    if (!is_good) {
        perror(directory);
        abort();
    }
}

static void remove_directory(void)
{
    if (file_remove_tree(directory) != 0)
        perror(directory);
}

const char *fuzz_directory(void)
{
    if (directory[0] == 0) {
        const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(directory, sizeof directory, "%s/barnabas-fuzz-XXXXXX", parent);
        require(mkdtemp(directory) != NULL && atexit(remove_directory) == 0);
    }
    return directory;
}

const char *fuzz_path(const char *name)
{
    static char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", fuzz_directory(), name);
    require(length > 0 && (size_t)length < sizeof path);
    return path;
}

void fuzz_directory_clear(void)
{
    require(file_remove_tree(fuzz_directory()) == 0 && mkdir(directory, 0700) == 0);
}

void fuzz_make_directory(const char *name)
{
    require(file_make_directories(fuzz_path(name)) == 0);
}

void fuzz_write_file(const char *name, struct view bytes)
{
    int fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    require(fd >= 0 && write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size && close(fd) == 0);
}

void fuzz_write_snapshot(const char *name, struct view bytes)
{
    if (bytes.size < SNAPSHOT_HEADER_SIZE) {
        fuzz_write_file(name, bytes);
        return;
    }
    uint32_t count = (uint32_t)((bytes.size - SNAPSHOT_HEADER_SIZE) / SNAPSHOT_ENTRY_SIZE);
    size_t size = SNAPSHOT_HEADER_SIZE + (size_t)count * SNAPSHOT_ENTRY_SIZE;
    uint8_t *copy = memory_alloc(size);
    memcpy(copy, bytes.data, size);
    big_endian_store_32(copy + 6, count);
    big_endian_store_32(copy + 2, crc32c_update(0, copy + 6, size - 6));
    fuzz_write_file(name, view_of(copy, size));
    free(copy);
}
