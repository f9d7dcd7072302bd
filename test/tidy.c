// SPDX-License-Identifier: Apache-2.0
// Walks the tree and fails on what the shape of the house forbids:
// - an #include across modules that is not in the list of edges, or of a header that is no door of its module
// - calls that are banned: they are unsafe, or go around base/
// - a source file that no CMakeLists.txt names, and a header that nobody includes
// - a file without its SPDX line
// Usage: tidy ROOT. Prints one line per finding.
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 512, LINE_SIZE = 2048, FILES_MAX = 2048 };

// The innermost folder that a file belongs to decides; net/protocol and net/tls before net.
static const char *const modules[] = {"base", "net/protocol", "net/tls", "net",  "log",
                                      "zk",   "rules",        "server",  "tools"};

static const struct {
    const char *from, *to;
} edges[] = {
    {"server", "net"},    {"server", "net/protocol"}, {"server", "log"},  {"server", "zk"},
    {"server", "rules"},  {"server", "base"},         {"tools", "net"},   {"tools", "log"},
    {"tools", "zk"},      {"tools", "rules"},         {"tools", "base"},  {"tools", "net/protocol"},
    {"net", "base"},      {"net", "net/protocol"},    {"rules", "base"},  {"log", "base"},
    {"zk", "base"},       {"net/protocol", "base"},   {"net", "net/tls"}, {"server", "net/tls"},
    {"tools", "net/tls"}, {"net/tls", "base"},
};

static const struct {
    const char *call, *why;
} banned[] = {
    {"strcpy(", "unbounded"},
    {"strcat(", "unbounded; use memory_format or arena_format"},
    {"sprintf(", "unbounded; use snprintf"},
    {"gets(", "unbounded"},
    {"strtok(", "keeps global state"},
    {"rand(", "predictable; use getrandom"},
    {"time(NULL)", "use base/clock.h"},
    {"pthread_mutex_lock(", "use base/lock.h"},
    {"pthread_create(", "use base/thread.h"},
    {"sleep(", "wait for a condition"},
    {"usleep(", "wait for a condition"},
    {"alloca(", "unbounded"},
};

struct source {
    char path[PATH_SIZE]; // from the root
    char *text;
    bool is_included;
};

static struct source sources[FILES_MAX];
static size_t source_count;
static int finding_count;

static void report(const char *path, int line, const char *what, const char *detail)
{
    if (line > 0)
        printf("%s:%d: %s %s\n", path, line, what, detail);
    else
        printf("%s: %s %s\n", path, what, detail);
    finding_count++;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, file) != (size_t)size) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static bool ends_with(const char *string, const char *end)
{
    size_t length = strlen(string), end_length = strlen(end);
    return length >= end_length && strcmp(string + length - end_length, end) == 0;
}

static void collect(const char *root, const char *folder)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char inner[PATH_SIZE], full[PATH_SIZE];
        struct stat status;
        if (snprintf(inner, sizeof inner, "%s/%s", folder, entry->d_name) >= (int)sizeof inner ||
            snprintf(full, sizeof full, "%s/%s", root, inner) >= (int)sizeof full || stat(full, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode)) {
            collect(root, inner);
        } else if ((ends_with(inner, ".c") || ends_with(inner, ".h") || ends_with(inner, ".def") ||
                    ends_with(inner, "CMakeLists.txt")) &&
                   source_count < FILES_MAX) {
            struct source *source = &sources[source_count++];
            snprintf(source->path, sizeof source->path, "%s", inner);
            source->text = read_text(full);
        }
    }
    if (directory != NULL)
        closedir(directory);
}

static const char *module_of(const char *path)
{
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        size_t length = strlen(modules[i]);
        if (strncmp(path, modules[i], length) == 0 && path[length] == '/')
            return modules[i];
    }
    return NULL;
}

static bool is_edge(const char *from, const char *to)
{
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        if (strcmp(edges[i].from, from) == 0 && strcmp(edges[i].to, to) == 0)
            return true;
    }
    return false;
}

static const struct source *find(const char *path)
{
    for (size_t i = 0; i < source_count; i++) {
        if (strcmp(sources[i].path, path) == 0)
            return &sources[i];
    }
    return NULL;
}

static bool names_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; at != NULL && (at = strstr(at, word)) != NULL; at++) {
        char before = at == text ? ' ' : at[-1], after = at[length];
        if (strchr(" \t\n(/", before) != NULL && strchr(" \t\n)", after) != NULL && after != '\0')
            return true;
    }
    return false;
}

// The CMakeLists.txt of the module, or of a folder on the way down to the file, names it.
static bool is_named_in_cmake(const char *path)
{
    char folder[PATH_SIZE], list[PATH_SIZE + 16], target[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", path);
    // barnabas_fuzz_target(NAME) names NAME_fuzz.c.
    const char *name = strrchr(path, '/') + 1;
    snprintf(target, sizeof target, "%.*s", (int)(strlen(name) - (ends_with(name, "_fuzz.c") ? 7 : 0)), name);
    char *slash;
    while ((slash = strrchr(folder, '/')) != NULL) {
        *slash = '\0';
        snprintf(list, sizeof list, "%s/CMakeLists.txt", folder);
        const struct source *cmake = find(list);
        if (cmake != NULL && cmake->text != NULL &&
            (names_word(cmake->text, path + strlen(folder) + 1) || names_word(cmake->text, target)))
            return true;
    }
    return false;
}

// A door is listed under DOORS in its module's CMakeLists.txt.
static bool is_door(const char *header)
{
    char list[PATH_SIZE];
    const char *module = module_of(header);
    snprintf(list, sizeof list, "%s/CMakeLists.txt", module);
    const struct source *cmake = find(list);
    return cmake != NULL && names_word(cmake->text, header + strlen(module) + 1);
}

static void check_include(const struct source *source, int line, const char *included)
{
    for (size_t i = 0; i < source_count; i++) {
        if (strcmp(sources[i].path, included) == 0)
            sources[i].is_included = true;
    }
    const char *from = module_of(source->path), *to = module_of(included);
    if (from == NULL || to == NULL || from == to)
        return;
    if (!is_edge(from, to))
        report(source->path, line, "may not include another module's", included);
    else if (find(included) != NULL && ends_with(included, ".h") && !is_door(included))
        report(source->path, line, "includes what is no door of its module:", included);
}

static void check_calls(const struct source *source, int line, const char *text)
{
    if (strncmp(source->path, "base/", 5) == 0 || module_of(source->path) == NULL)
        return;
    const char *comment = strstr(text, "//");
    for (size_t i = 0; i < sizeof banned / sizeof banned[0]; i++) {
        const char *at = strstr(text, banned[i].call);
        bool is_call =
            at != NULL && (comment == NULL || at < comment) && (at == text || strchr(" \t(!=", at[-1]) != NULL);
        if (is_call)
            report(source->path, line, banned[i].call, banned[i].why);
    }
}

static void check_lines(const struct source *source)
{
    char text[LINE_SIZE], included[PATH_SIZE];
    int line = 0;
    for (const char *at = source->text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        size_t kept = length < sizeof text ? length : sizeof text - 1;
        memcpy(text, at, kept);
        text[kept] = '\0';
        at += length + (at[length] == '\n');
        line++;
        if (sscanf(text, "#include \"%511[^\"]\"", included) == 1)
            check_include(source, line, included);
        else
            check_calls(source, line, text);
    }
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 2) {
        fprintf(stderr, "Usage: tidy ROOT\n");
        return 2;
    }
    static const char *const folders[] = {"base", "net", "log", "zk", "rules", "server", "tools", "test", "bench"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        collect(arguments[1], folders[i]);
    for (size_t i = 0; i < source_count; i++) {
        if (sources[i].text == NULL) {
            report(sources[i].path, 0, "cannot be read", "");
            continue;
        }
        if (strncmp(sources[i].text, "// SPDX-License-Identifier: Apache-2.0\n", 39) != 0 &&
            strncmp(sources[i].text, "# SPDX-License-Identifier: Apache-2.0\n", 38) != 0)
            report(sources[i].path, 1, "does not begin with its SPDX line", "");
        if (!ends_with(sources[i].path, "CMakeLists.txt"))
            check_lines(&sources[i]);
    }
    for (size_t i = 0; i < source_count; i++) {
        const struct source *source = &sources[i];
        if (ends_with(source->path, ".c") && !is_named_in_cmake(source->path))
            report(source->path, 0, "is named in no CMakeLists.txt", "");
        if ((ends_with(source->path, ".h") || ends_with(source->path, ".def")) && !source->is_included)
            report(source->path, 0, "is included by nobody", "");
    }
    for (size_t i = 0; i < source_count; i++)
        free(sources[i].text);
    printf("%zu files, %d findings\n", source_count, finding_count);
    return finding_count > 0;
}
