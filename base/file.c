// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

// Repeats a call that a signal cut short and turns -1 into -errno.
#define SYSTEM_CALL(type, call)                                                                                        \
    type result;                                                                                                       \
    do                                                                                                                 \
        result = (call);                                                                                               \
    while (result < 0 && errno == EINTR);                                                                              \
    return result < 0 ? -errno : result

static int system_open(const char *path, int flags, mode_t mode)
{
    SYSTEM_CALL(int, open(path, flags | O_CLOEXEC, mode));
}

static int system_close(int fd)
{
    // Linux has released the descriptor even when close fails, so it is never repeated.
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

static ssize_t system_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    SYSTEM_CALL(ssize_t, pread(fd, buffer, size, offset));
}

static ssize_t system_read(int fd, void *buffer, size_t size)
{
    SYSTEM_CALL(ssize_t, read(fd, buffer, size));
}

static ssize_t system_pwritev(int fd, const struct iovec *pieces, int count, int64_t offset)
{
    SYSTEM_CALL(ssize_t, pwritev(fd, pieces, count, offset));
}

static ssize_t system_sendfile(int socket_fd, int fd, int64_t *offset, size_t size)
{
    off_t position = *offset;
    ssize_t sent;
    do
        sent = sendfile(socket_fd, fd, &position, size);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    *offset = position;
    return sent;
}

static int system_sync(int fd)
{
    SYSTEM_CALL(int, fsync(fd));
}

static int system_datasync(int fd)
{
    SYSTEM_CALL(int, fdatasync(fd));
}

static int system_truncate(int fd, int64_t size)
{
    SYSTEM_CALL(int, ftruncate(fd, size));
}

static int system_allocate(int fd, int64_t size)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (status.st_size >= size)
        return 0;
    return system_truncate(fd, size);
}

static int system_reserve(int fd, int64_t offset, int64_t size)
{
    SYSTEM_CALL(int, fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, size));
}

static int system_stat(const char *path, struct stat *status)
{
    SYSTEM_CALL(int, stat(path, status));
}

static int system_fstat(int fd, struct stat *status)
{
    SYSTEM_CALL(int, fstat(fd, status));
}

static int system_rename(const char *from, const char *to)
{
    SYSTEM_CALL(int, rename(from, to));
}

static int system_unlink(const char *path)
{
    SYSTEM_CALL(int, unlink(path));
}

static int system_mkdir(const char *path, mode_t mode)
{
    SYSTEM_CALL(int, mkdir(path, mode));
}

static int system_rmdir(const char *path)
{
    SYSTEM_CALL(int, rmdir(path));
}

static int system_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &whole) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

static int system_map(int fd, size_t size, void **memory)
{
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return -errno;
    *memory = mapped;
    return 0;
}

static int system_unmap(void *memory, size_t size)
{
    SYSTEM_CALL(int, munmap(memory, size));
}

static int system_set_times(const char *path, int64_t modified_ms)
{
    struct timespec time = {.tv_sec = (time_t)(modified_ms / 1000), .tv_nsec = (long)(modified_ms % 1000) * 1000000};
    struct timespec times[2] = {time, time};
    SYSTEM_CALL(int, utimensat(AT_FDCWD, path, times, 0));
}

static const struct file_calls system_calls = {
    .open = system_open,
    .close = system_close,
    .pread = system_pread,
    .read = system_read,
    .pwritev = system_pwritev,
    .sendfile = system_sendfile,
    .sync = system_sync,
    .datasync = system_datasync,
    .truncate = system_truncate,
    .allocate = system_allocate,
    .reserve = system_reserve,
    .stat = system_stat,
    .fstat = system_fstat,
    .rename = system_rename,
    .unlink = system_unlink,
    .mkdir = system_mkdir,
    .rmdir = system_rmdir,
    .lock = system_lock,
    .map = system_map,
    .unmap = system_unmap,
    .set_times = system_set_times,
};

static const struct file_calls *current = &system_calls;

const struct file_calls *file_calls(void)
{
    return current;
}

void file_calls_set(const struct file_calls *calls)
{
    current = calls ? calls : &system_calls;
}

const struct file_calls *file_calls_of_system(void)
{
    return &system_calls;
}

ssize_t file_read_at(int fd, void *buffer, size_t size, int64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t count = current->pread(fd, (char *)buffer + done, size - done, offset + (int64_t)done);
        if (count < 0)
            return count;
        if (count == 0)
            break;
        done += (size_t)count;
    }
    return (ssize_t)done;
}

// Drops the first bytes of the pieces; returns how many pieces went whole.
static int skip_written(struct iovec *pieces, int count, size_t written)
{
    int i = 0;
    while (i < count && written >= pieces[i].iov_len)
        written -= pieces[i++].iov_len;
    if (i < count) {
        pieces[i].iov_base = (char *)pieces[i].iov_base + written;
        pieces[i].iov_len -= written;
    }
    return i;
}

int file_write_at(int fd, struct iovec *pieces, int count, int64_t offset)
{
    int first = skip_written(pieces, count, 0);
    while (first < count) {
        int batch = count - first < IOV_MAX ? count - first : IOV_MAX;
        ssize_t written = current->pwritev(fd, pieces + first, batch, offset);
        if (written < 0)
            return (int)written;
        if (written == 0)
            return -EIO;
        offset += written;
        first += skip_written(pieces + first, count - first, (size_t)written);
    }
    return 0;
}

int file_write_bytes_at(int fd, const void *bytes, size_t size, int64_t offset)
{
    struct iovec piece = {.iov_len = size};
    memcpy(&piece.iov_base, &bytes, sizeof bytes); // iovec has no const; the bytes are only read
    return file_write_at(fd, &piece, 1, offset);
}

int file_read_whole(const char *path, size_t size_max, char **bytes, size_t *size)
{
    int fd = current->open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0); // nobody may ever open a pipe's other end
    if (fd < 0)
        return fd;
    struct stat status;
    char *content = NULL;
    int result = current->fstat(fd, &status);
    if (result == 0 && !S_ISREG(status.st_mode))
        result = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    if (result == 0 && (status.st_size < 0 || (uint64_t)status.st_size > size_max))
        result = -EFBIG;
    if (result == 0) {
        content = memory_alloc((size_t)status.st_size + 1);
        ssize_t count = file_read_at(fd, content, (size_t)status.st_size, 0);
        if (count < 0) {
            result = (int)count;
        } else {
            *bytes = content;
            *size = (size_t)count;
            content[count] = '\0';
            content = NULL;
        }
    }
    free(content);
    current->close(fd);
    return result;
}

int file_read_stream(const char *path, size_t size_max, char **bytes, size_t *size)
{
    int fd = current->open(path, O_RDONLY | O_NOCTTY, 0);
    if (fd < 0)
        return fd;
    size_t filled = 0, capacity = 4096;
    char *content = memory_alloc(capacity + 1);
    ssize_t count;
    while ((count = current->read(fd, content + filled, capacity - filled)) > 0 && filled + (size_t)count <= size_max) {
        filled += (size_t)count;
        if (filled == capacity) {
            capacity *= 2;
            content = memory_resize(content, capacity + 1, 1);
        }
    }
    current->close(fd);
    if (count != 0) {
        free(content);
        return count < 0 ? (int)count : -EFBIG;
    }
    content[filled] = '\0';
    *bytes = content;
    *size = filled;
    return 0;
}

int file_sync_directory(const char *path)
{
    int fd = current->open(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    int result = current->sync(fd);
    current->close(fd);
    return result;
}

static int write_and_sync(const char *path, const void *bytes, size_t size)
{
    int fd = current->open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        return fd;
    int result = file_write_bytes_at(fd, bytes, size, 0);
    if (result == 0)
        result = current->sync(fd);
    int closed = current->close(fd);
    return result != 0 ? result : closed;
}

int file_replace_lazily(const char *path, const void *bytes, size_t size)
{
    char *temporary = memory_format("%s.tmp", path);
    int result = write_and_sync(temporary, bytes, size);
    if (result == 0)
        result = current->rename(temporary, path);
    free(temporary);
    return result;
}

int file_replace(const char *path, const void *bytes, size_t size)
{
    char *directory = memory_copy_string(path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        slash[slash == directory] = '\0';
    int result = file_replace_lazily(path, bytes, size);
    if (result == 0)
        result = file_sync_directory(slash ? directory : ".");
    free(directory);
    return result;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list_directory(const char *path, char ***names)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -errno;
    char **list = memory_alloc(sizeof *list);
    size_t count = 0;
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        list = memory_resize(list, count + 2, sizeof *list);
        list[count++] = memory_copy_string(entry->d_name);
        list[count] = NULL;
        errno = 0;
    }
    int result = -errno;
    closedir(directory);
    if (result != 0) {
        file_names_free(list);
        return result;
    }
    qsort(list, count, sizeof *list, compare_names);
    *names = list;
    return 0;
}

void file_names_free(char **names)
{
    for (char **name = names; name != NULL && *name != NULL; name++)
        free(*name);
    free(names);
}

int file_remove_tree(const char *path)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISDIR(status.st_mode))
        return current->unlink(path);
    char **names;
    int result = file_list_directory(path, &names);
    if (result != 0)
        return result;
    for (char **name = names; *name != NULL; name++) {
        char *below = memory_format("%s/%s", path, *name);
        int removed = file_remove_tree(below);
        if (result == 0)
            result = removed;
        free(below);
    }
    file_names_free(names);
    return result != 0 ? result : current->rmdir(path);
}

int file_make_directories(const char *path)
{
    char *copy = memory_copy_string(path);
    int result = 0;
    for (char *slash = copy + 1; result == 0 && *copy != '\0'; slash++) {
        bool last = *slash == '\0';
        if (*slash == '/' || last) {
            *slash = '\0';
            result = current->mkdir(copy, 0755);
            if (result == -EEXIST)
                result = 0;
            if (!last)
                *slash = '/';
        }
        if (last)
            break;
    }
    struct stat status;
    if (result == 0 && current->stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
        result = -ENOTDIR;
    free(copy);
    return result;
}

bool file_exists(const char *path)
{
    struct stat status;
    return current->stat(path, &status) == 0;
}
