// SPDX-License-Identifier: Apache-2.0
// The file: three lines, "version=1", "session=0x<16 hex digits>", "password=<32 hex digits>". It is written in place,
// since the lock belongs to the file and not to its name; a torn one reads as none.
#include "zk/session_file.h"
#include "base/file.h"
#include "base/logger.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_SIZE_MAX = 256 };

struct zk_session_file {
    int fd;
    char *path;
};

int zk_session_file_open(const char *directory, struct zk_session_file **file)
{
    char *path = memory_format("%s/" ZK_SESSION_FILE_NAME, directory);
    int fd = file_calls()->open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = fd < 0 ? fd : file_calls()->lock(fd);

    if (error) {
        if (fd >= 0)
            file_calls()->close(fd);
        free(path);
        return error;
    }
    *file = memory_alloc(sizeof **file);
    **file = (struct zk_session_file){fd, path};
    return 0;
}

static bool read_session(const struct zk_session_file *file, struct zk_session_id *session)
{
    char text[FILE_SIZE_MAX + 1] = "";
    uint64_t id;
    char hex[2 * sizeof session->password + 1];
    ssize_t size = file_read_at(file->fd, text, FILE_SIZE_MAX, 0);
    int end = 0;

    if (size <= 0 || sscanf(text, "version=1\nsession=0x%" SCNx64 "\npassword=%32[0-9a-f]\n%n", &id, hex, &end) != 2 ||
        end != size || id == 0 || strlen(hex) != sizeof hex - 1)
        return false;
    session->id = (int64_t)id;
    for (size_t i = 0; i < sizeof session->password; i++) {
        unsigned value;

        if (sscanf(hex + 2 * i, "%2x", &value) != 1)
            return false;
        session->password[i] = (uint8_t)value;
    }
    return true;
}

static int write_text(struct zk_session_file *file, const char *text, size_t size)
{
    int error = file_calls()->truncate(file->fd, 0);

    if (!error && size > 0)
        error = file_write_bytes_at(file->fd, text, size, 0);
    return error ? error : file_calls()->sync(file->fd);
}

enum zk_result zk_session_file_end_previous(struct zk_session_file *file, const struct zk_session_config *config,
                                            char reason[ZK_REASON_SIZE])
{
    struct zk_session_config take_up = *config;
    struct zk_session_id previous;
    struct zk_session *session = NULL;

    if (!read_session(file, &previous))
        return ZK_OK;
    take_up.take_up = &previous;
    take_up.create_chroot = false;
    enum zk_result result = zk_session_open(&take_up, &session, reason);

    if (result && result != ZK_SESSION_EXPIRED)
        return result; // the next start may still need what the file says
    if (!result)
        logger_info("Ended the ZooKeeper session 0x%" PRIx64 " that a killed broker left, by its password in %s.",
                    (uint64_t)previous.id, file->path);
    zk_session_destroy(&session);
    if (write_text(file, "", 0))
        logger_warn("Cannot empty %s.", file->path);
    return ZK_OK;
}

int zk_session_file_write(struct zk_session_file *file, struct zk_session_id session)
{
    char text[FILE_SIZE_MAX];
    int used = snprintf(text, sizeof text, "version=1\nsession=0x%016" PRIx64 "\npassword=", (uint64_t)session.id);

    for (size_t i = 0; i < sizeof session.password; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%02x", session.password[i]);
    text[used++] = '\n';
    return write_text(file, text, (size_t)used);
}

void zk_session_file_close(struct zk_session_file **file, bool has_ended)
{
    struct zk_session_id named;

    if (!*file)
        return;
    if (has_ended || !read_session(*file, &named))
        file_calls()->unlink((*file)->path);
    file_calls()->close((*file)->fd);
    free((*file)->path);
    free(*file);
    *file = NULL;
}
