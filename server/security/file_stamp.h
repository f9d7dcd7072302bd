// SPDX-License-Identifier: Apache-2.0
// What tells that a file was changed or replaced, also behind a symbolic link. A plain value.
#ifndef SERVER_SECURITY_FILE_STAMP_H
#define SERVER_SECURITY_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct file_stamp {
    uint64_t device, inode;
    int64_t size, modified_ns, changed_ns; // all 0 for a file that is not there
};

// Of the file at the path; NULL and "" are no file.
struct file_stamp file_stamp_take(const char *path);
bool file_stamp_is_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
