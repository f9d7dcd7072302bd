// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include "base/memory.h"
#include "test/unit/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// What names a file may come from an administrator's request: it must not make a thread wait.
static void only_files_are_read_whole(void)
{
    char directory[] = "/tmp/barnabas-unit-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    char *path = memory_format("%s/pipe", directory), *bytes = NULL;
    size_t size = 0;
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    CU_ASSERT_EQUAL(file_read_whole(path, 100, &bytes, &size), -EINVAL);
    CU_ASSERT_EQUAL(file_read_whole("/dev/zero", 100, &bytes, &size), -EINVAL);
    CU_ASSERT_EQUAL(file_read_whole(directory, 100, &bytes, &size), -EISDIR);
    CU_ASSERT_EQUAL(file_read_whole("/nonexistent", 100, &bytes, &size), -ENOENT);
    unlink(path);
    rmdir(directory);
    free(path);
}

SUITE_MAIN("base/file", {"only files are read whole", only_files_are_read_whole})
