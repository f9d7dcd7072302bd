// SPDX-License-Identifier: Apache-2.0
// Every system call on files that hold somebody's data goes through this table, so that a test can make the nth one
// fail, be short or be counted, and a simulator can keep the disk in memory. All return -errno on failure. Calls cut
// short by a signal are repeated here; short reads and writes are completed by the helpers below the table.
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stat;

struct file_calls {
    int (*open)(const char *path, int flags, mode_t mode);
    int (*close)(int fd);
    ssize_t (*pread)(int fd, void *buffer, size_t size, int64_t offset);
    ssize_t (*read)(int fd, void *buffer, size_t size);
    ssize_t (*pwritev)(int fd, const struct iovec *pieces, int count, int64_t offset);
    ssize_t (*sendfile)(int socket_fd, int fd, int64_t *offset, size_t size);
    int (*sync)(int fd); // fsync
    int (*datasync)(int fd);
    int (*truncate)(int fd, int64_t size);
    int (*allocate)(int fd, int64_t size); // extends with zeros
    // Takes disk space for bytes to come there; the file keeps its size. truncate gives back what is behind its end.
    int (*reserve)(int fd, int64_t offset, int64_t size);
    int (*stat)(const char *path, struct stat *status);
    int (*fstat)(int fd, struct stat *status);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
    int (*rmdir)(const char *path);
    int (*lock)(int fd); // fcntl record lock on the whole file, exclusive, not waiting: -EAGAIN when taken
    int (*map)(int fd, size_t size, void **memory); // shared, for reading and writing
    int (*unmap)(void *memory, size_t size);
    int (*set_times)(const char *path, int64_t modified_ms);
};

// The table in force; the system's own unless a test replaced it.
const struct file_calls *file_calls(void);

// Replaces it for the whole process (NULL: the system's again). Not while other threads use files.
void file_calls_set(const struct file_calls *calls);
const struct file_calls *file_calls_of_system(void);

// Reads size bytes at the offset, or fewer at the end of the file. Returns how many, or -errno.
ssize_t file_read_at(int fd, void *buffer, size_t size, int64_t offset);

// Writes all pieces, one after the other, from the offset on. Returns 0 or -errno; then any part may have been written.
// The pieces may be changed.
int file_write_at(int fd, struct iovec *pieces, int count, int64_t offset);
int file_write_bytes_at(int fd, const void *bytes, size_t size, int64_t offset);

// The whole file as a new string with a zero behind it (free() it), or -errno; -EFBIG above size_max, -EINVAL for what
// is no regular file.
int file_read_whole(const char *path, size_t size_max, char **bytes, size_t *size);

// The same for a path that the user of this process named, which may be a pipe, too: waits for its end.
int file_read_stream(const char *path, size_t size_max, char **bytes, size_t *size);

// Replaces the file by one with these bytes so that a crash leaves the old or the new one: PATH.tmp, fsync, rename,
// fsync of the directory. Returns 0 or -errno.
int file_replace(const char *path, const void *bytes, size_t size);

// The same without the last step: after a crash either may be there until file_sync_directory was called.
int file_replace_lazily(const char *path, const void *bytes, size_t size);

// fsync of a directory, so that renames and new names in it last.
int file_sync_directory(const char *path);

// The names in a directory but . and .., sorted, in a NULL-ended array (file_names_free). Returns 0 or -errno.
int file_list_directory(const char *path, char ***names);
void file_names_free(char **names);

// Removes the file or directory with all below it. Returns 0 or the first -errno; one that is not there is fine.
int file_remove_tree(const char *path);

// mkdir -p. Returns 0 or -errno.
int file_make_directories(const char *path);

bool file_exists(const char *path);

#endif
