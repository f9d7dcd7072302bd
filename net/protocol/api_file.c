// SPDX-License-Identifier: Apache-2.0
#include "net/protocol/api_file.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 24, DEPTH_MAX = 12, INDENT = 4, LINE_SIZE_MAX = 512 };

static const struct {
    const char *name;
    enum field_type type, array_type; // FIELD_STRUCT_ARRAY: there is no array of it
} primitives[] = {
    {"bool", FIELD_BOOL, FIELD_STRUCT_ARRAY},   {"int8", FIELD_INT8, FIELD_STRUCT_ARRAY},
    {"int16", FIELD_INT16, FIELD_STRUCT_ARRAY}, {"int32", FIELD_INT32, FIELD_INT32_ARRAY},
    {"int64", FIELD_INT64, FIELD_INT64_ARRAY},  {"float64", FIELD_FLOAT64, FIELD_STRUCT_ARRAY},
    {"uuid", FIELD_UUID, FIELD_STRUCT_ARRAY},   {"string", FIELD_STRING, FIELD_STRING_ARRAY},
    {"bytes", FIELD_BYTES, FIELD_STRUCT_ARRAY}, {"records", FIELD_RECORDS, FIELD_STRUCT_ARRAY},
};

// One level of indentation: the struct that takes fields there.
struct level {
    struct api_struct *target;
    struct api_field *last;
};

struct parser {
    struct api_set *set;
    const char *path;
    int line;
    const char *comment; // the lines of comment right above
    struct api_declaration *api;
    struct api_message *message;
    struct level levels[DEPTH_MAX];
    int depth; // levels in use; 0: no message is open
};

void api_file_fail(const char *path, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", path, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void *allocate(struct parser *parser, size_t size)
{
    void *memory = arena_alloc(&parser->set->arena, size);
    if (memory == NULL)
        api_file_fail(parser->path, parser->line, "out of memory");
    return memory;
}

static const char *copy(struct parser *parser, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(allocate(parser, size), text, size);
}

// "3", "3-5" or "3+" (up to max).
static bool parse_range(const char *text, int max, struct version_range *range)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    long first = strtol(text, &end, 10), last = first;
    if (strcmp(end, "+") == 0) {
        last = max;
        end++;
    } else if (*end == '-' && isdigit((unsigned char)end[1])) {
        last = strtol(end + 1, &end, 10);
    }
    if (*end != '\0' || first > max || last < first || last > max)
        return false;
    *range = (struct version_range){(int)first, (int)last};
    return true;
}

static struct version_range require_range(struct parser *parser, const char *text, int max)
{
    struct version_range range;
    if (!parse_range(text, max, &range))
        api_file_fail(parser->path, parser->line, "\"%s\" is no range of versions up to %d", text, max);
    return range;
}

// topics → topic, entries → entry: the name of an element.
static const char *singular(struct parser *parser, const char *name)
{
    size_t size = strlen(name);
    char *result = allocate(parser, size + 1);
    memcpy(result, name, size);
    if (size > 3 && strcmp(name + size - 3, "ies") == 0)
        memcpy(result + size - 3, "y", 2);
    else if (size > 2 && name[size - 1] == 's' && name[size - 2] != 's')
        result[size - 1] = '\0';
    return result;
}

static struct api_struct *struct_create(struct parser *parser, const char *short_name, struct version_range versions)
{
    struct api_struct *created = allocate(parser, sizeof *created);
    created->short_name = short_name;
    created->versions = versions;
    created->name = short_name == NULL ? parser->message->name
                                       : arena_format(&parser->set->arena, "%s_%s", parser->message->name, short_name);
    return created;
}

static void open_level(struct parser *parser, int depth, struct api_struct *target)
{
    if (depth >= DEPTH_MAX)
        api_file_fail(parser->path, parser->line, "nested too deep");
    parser->levels[depth] = (struct level){target, NULL};
    parser->depth = depth + 1;
}

static void open_message(struct parser *parser, const char *name, struct version_range versions,
                         struct version_range flexible)
{
    struct api_message *message = allocate(parser, sizeof *message);
    message->name = name;
    message->path = parser->path;
    message->comment = parser->comment;
    message->versions = versions;
    message->flexible = flexible;
    parser->message = message;
    message->root = struct_create(parser, NULL, versions);
    struct api_message **end = &parser->set->messages;
    while (*end != NULL)
        end = &(*end)->next;
    *end = message;
    open_level(parser, 0, message->root);
}

static void add_api(struct parser *parser, struct api_declaration *api)
{
    struct api_declaration **place = &parser->set->apis;
    while (*place != NULL && (*place)->key < api->key)
        place = &(*place)->next;
    if (*place != NULL && (*place)->key == api->key)
        api_file_fail(parser->path, parser->line, "key %d belongs to %s", api->key, (*place)->name);
    api->next = *place;
    *place = api;
    parser->api = api;
}

// api NAME KEY versions RANGE [flexible RANGE] [serves RANGE], or message NAME versions …
static void parse_head(struct parser *parser, char **tokens, int count)
{
    bool is_api = strcmp(tokens[0], "api") == 0;
    int first = is_api ? 3 : 2;
    struct version_range versions = {1, 0}, flexible = {1, 0}, served = {1, 0};
    if (count < first + 2 || (count - first) % 2 != 0 || strcmp(tokens[first], "versions") != 0)
        api_file_fail(parser->path, parser->line, "expected: %s versions RANGE …",
                      is_api ? "api NAME KEY" : "message NAME");
    versions = require_range(parser, tokens[first + 1], 127);
    flexible.min = versions.max + 1;
    flexible.max = versions.max;
    for (int i = first + 2; i < count; i += 2) {
        if (strcmp(tokens[i], "flexible") == 0)
            flexible = require_range(parser, tokens[i + 1], versions.max);
        else if (is_api && strcmp(tokens[i], "serves") == 0)
            served = require_range(parser, tokens[i + 1], versions.max);
        else
            api_file_fail(parser->path, parser->line, "unknown word \"%s\"", tokens[i]);
    }
    if (is_api) {
        struct api_declaration *api = allocate(parser, sizeof *api);
        *api = (struct api_declaration){.name = copy(parser, tokens[1]),
                                        .key = atoi(tokens[2]),
                                        .versions = versions,
                                        .flexible = flexible,
                                        .served = served};
        parser->depth = 0;
        add_api(parser, api);
    } else {
        open_message(parser, copy(parser, tokens[1]), versions, flexible);
    }
}

static void parse_section(struct parser *parser, char **tokens, int count)
{
    if (strcmp(tokens[0], "struct") == 0 && count == 2 && parser->message != NULL) {
        struct api_struct *section = struct_create(parser, copy(parser, tokens[1]), parser->message->versions);
        section->next = parser->message->structs;
        parser->message->structs = section;
        open_level(parser, 0, section);
        return;
    }
    bool request = strcmp(tokens[0], "request") == 0;
    if (parser->api == NULL || count != 1 || (!request && strcmp(tokens[0], "response") != 0))
        api_file_fail(parser->path, parser->line, "unknown section \"%s\"", tokens[0]);
    const char *name = arena_format(&parser->set->arena, "%s_%s", parser->api->name, tokens[0]);
    open_message(parser, name, parser->api->versions, parser->api->flexible);
    *(request ? &parser->api->request : &parser->api->response) = parser->message;
}

// The "?" or "?RANGE" at the end of a type, which it cuts off.
static void parse_nullable(struct parser *parser, char *text, struct version_range versions, struct api_field *field)
{
    char *mark = strchr(text, '?');
    if (mark == NULL)
        return;
    *mark = '\0';
    field->nullable = mark[1] == '\0' ? versions : require_range(parser, mark + 1, parser->message->versions.max);
}

static void parse_type(struct parser *parser, char *text, struct api_field *field)
{
    bool array = strncmp(text, "[]", 2) == 0;
    text += array ? 2 : 0;
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (strcmp(primitives[i].name, text) != 0)
            continue;
        field->kind = array ? primitives[i].array_type : primitives[i].type;
        if (field->kind == FIELD_STRUCT_ARRAY)
            api_file_fail(parser->path, parser->line, "there are no arrays of %s", text);
        return;
    }
    field->kind = array ? FIELD_STRUCT_ARRAY : FIELD_STRUCT;
    field->type_name = copy(parser, text);
}

static void parse_attributes(struct parser *parser, char **tokens, int count, struct api_field *field,
                             const char **struct_name)
{
    for (int i = 0; i < count; i++) {
        bool more = i + 1 < count;
        if (strcmp(tokens[i], "ignorable") == 0)
            field->ignorable = true;
        else if (strcmp(tokens[i], "classic") == 0)
            field->classic = true;
        else if (strcmp(tokens[i], "tag") == 0 && more)
            field->tag = atoi(tokens[++i]);
        else if (strcmp(tokens[i], "default") == 0 && more)
            field->default_text = copy(parser, tokens[++i]);
        else if (strcmp(tokens[i], "as") == 0 && more)
            *struct_name = copy(parser, tokens[++i]);
        else
            api_file_fail(parser->path, parser->line, "unknown word \"%s\"", tokens[i]);
    }
}

static void append_field(struct level *level, struct api_field *field)
{
    if (level->last == NULL)
        level->target->fields = field;
    else
        level->last->next = field;
    level->last = field;
}

// NAME TYPE [VERSIONS] attributes…, or NAME[] or NAME{} followed by deeper lines.
static void parse_field(struct parser *parser, char **tokens, int count, int depth, const char *comment)
{
    if (depth < 1 || depth > parser->depth)
        api_file_fail(parser->path, parser->line, "no struct is open at this indentation");
    parser->depth = depth;
    struct level *level = &parser->levels[depth - 1];
    struct api_field *field = allocate(parser, sizeof *field);
    *field = (struct api_field){.tag = -1, .nullable = {1, 0}, .line = parser->line, .comment = comment};
    char *suffix = tokens[0] + strcspn(tokens[0], "[{?");
    bool inline_struct = *suffix != '\0';
    int next = inline_struct ? 1 : 2;
    if (count < next)
        api_file_fail(parser->path, parser->line, "the type is missing");
    field->versions = level->target->versions;
    if (next < count && isdigit((unsigned char)tokens[next][0]))
        field->versions = require_range(parser, tokens[next++], parser->message->versions.max);
    parse_nullable(parser, inline_struct ? suffix : tokens[1], field->versions, field);
    if (inline_struct) {
        bool array = strcmp(suffix, "[]") == 0;
        if (!array && strcmp(suffix, "{}") != 0)
            api_file_fail(parser->path, parser->line, "expected [] or {} after the name");
        field->kind = array ? FIELD_STRUCT_ARRAY : FIELD_STRUCT;
        *suffix = '\0';
    } else {
        parse_type(parser, tokens[1], field);
    }
    field->name = copy(parser, tokens[0]);
    const char *struct_name = NULL;
    parse_attributes(parser, tokens + next, count - next, field, &struct_name);
    append_field(level, field);
    if (inline_struct) {
        if (struct_name == NULL)
            struct_name = field->kind == FIELD_STRUCT_ARRAY ? singular(parser, field->name) : field->name;
        field->type = struct_create(parser, struct_name, field->versions);
        open_level(parser, depth, field->type);
    }
}

static void parse_line(struct parser *parser, char *text)
{
    char *comment = strchr(text, '#');
    const char *kept = NULL;
    if (comment != NULL) {
        *comment++ = '\0';
        comment += strspn(comment, " ");
        kept = copy(parser, comment);
    }
    size_t indent = strspn(text, " ");
    char *tokens[TOKENS_MAX], *state = NULL;
    int count = 0;
    for (char *token = strtok_r(text, " \t", &state); token != NULL; token = strtok_r(NULL, " \t", &state)) {
        if (count == TOKENS_MAX)
            api_file_fail(parser->path, parser->line, "too many words");
        tokens[count++] = token;
    }
    if (count == 0) {
        if (kept != NULL && strncmp(kept, "SPDX", 4) != 0)
            parser->comment =
                parser->comment ? arena_format(&parser->set->arena, "%s\n%s", parser->comment, kept) : kept;
        else
            parser->comment = NULL;
        return;
    }
    if (indent % INDENT != 0)
        api_file_fail(parser->path, parser->line, "indentation goes by %d", INDENT);
    if (indent > 0)
        parse_field(parser, tokens, count, (int)(indent / INDENT), kept);
    else if (strcmp(tokens[0], "api") == 0 || strcmp(tokens[0], "message") == 0)
        parse_head(parser, tokens, count);
    else
        parse_section(parser, tokens, count);
    parser->comment = NULL;
}

static void resolve(struct api_message *message, struct api_struct *in)
{
    for (struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (field->type_name != NULL) {
            struct api_struct *found = message->structs;
            while (found != NULL && strcmp(found->short_name, field->type_name) != 0)
                found = found->next;
            if (found == NULL)
                api_file_fail(message->path, field->line, "unknown type %s", field->type_name);
            field->type = found;
        } else if (field->type != NULL) {
            resolve(message, field->type);
        }
    }
}

void api_set_read(struct api_set *set, const char *path)
{
    struct parser parser = {.set = set, .path = path};
    FILE *file = fopen(path, "r");
    if (file == NULL)
        api_file_fail(path, 0, "%s", strerror(errno));
    struct api_message **first = &set->messages;
    while (*first != NULL)
        first = &(*first)->next;
    char line[LINE_SIZE_MAX];
    while (fgets(line, sizeof line, file) != NULL) {
        parser.line++;
        line[strcspn(line, "\n")] = '\0';
        parse_line(&parser, line);
    }
    fclose(file);
    for (struct api_message *message = *first; message != NULL; message = message->next) {
        resolve(message, message->root);
        for (struct api_struct *section = message->structs; section != NULL; section = section->next)
            resolve(message, section);
    }
    if (parser.api != NULL && (parser.api->request == NULL || parser.api->response == NULL))
        api_file_fail(path, parser.line, "request or response is missing");
}
