// SPDX-License-Identifier: Apache-2.0
// The generator, a host tool of the build: compile_api HEADER SOURCE DOCUMENT api/*.api makes the C structs of all
// messages, the tables that the walkers read, and the list of APIs for people.
#include "net/protocol/api_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 63 }; // of a struct: the encoder keeps a bit for each

static bool is_in(struct version_range range, int version)
{
    return version >= range.min && version <= range.max;
}

static bool is_never(struct version_range range)
{
    return range.min > range.max;
}

static bool is_nullable_struct(const struct api_field *field)
{
    return field->kind == FIELD_STRUCT && !is_never(field->nullable);
}

// topic_id → TopicId, or topicId.
static void print_camel(FILE *out, const char *name, bool first_upper)
{
    bool upper = first_upper;
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        fputc(upper ? toupper((unsigned char)*name) : *name, out);
        upper = false;
    }
}

static void print_upper(FILE *out, const char *name)
{
    for (; *name != '\0'; name++)
        fputc(toupper((unsigned char)*name), out);
}

static void print_range(FILE *out, struct version_range range, int max)
{
    if (range.min == range.max)
        fprintf(out, "%d", range.min);
    else if (range.max == max)
        fprintf(out, "%d+", range.min);
    else
        fprintf(out, "%d-%d", range.min, range.max);
}

static void print_comment(FILE *out, const char *comment)
{
    while (comment != NULL) {
        size_t size = strcspn(comment, "\n");
        fprintf(out, "// %.*s\n", (int)size, comment);
        comment = comment[size] == '\0' ? NULL : comment + size + 1;
    }
}

static const char *c_type(const struct api_field *field)
{
    switch (field->kind) {
    case FIELD_BOOL:
        return "bool";
    case FIELD_INT8:
        return "int8_t";
    case FIELD_INT16:
        return "int16_t";
    case FIELD_INT32:
        return "int32_t";
    case FIELD_INT64:
        return "int64_t";
    case FIELD_FLOAT64:
        return "double";
    case FIELD_UUID:
        return "struct uuid";
    case FIELD_STRING:
    case FIELD_BYTES:
        return "struct view";
    case FIELD_RECORDS:
        return "struct records";
    case FIELD_INT32_ARRAY:
        return "struct int32_array";
    case FIELD_INT64_ARRAY:
        return "struct int64_array";
    case FIELD_STRING_ARRAY:
        return "struct string_array";
    case FIELD_STRUCT:
    case FIELD_STRUCT_ARRAY:
        break;
    }
    return NULL;
}

// The remark behind a field: versions unless all, then what the schema says.
static void print_remark(FILE *out, const struct api_message *message, const struct api_field *field)
{
    const char *separator = " // ";
    if (field->versions.min > message->versions.min || field->versions.max < message->versions.max) {
        fputs(separator, out);
        print_range(out, field->versions, message->versions.max);
        separator = ", ";
    }
    if (!is_never(field->nullable)) {
        fprintf(out, "%snullable", separator);
        separator = ", ";
    }
    if (field->default_text != NULL) {
        fprintf(out, "%sdefault %s", separator, field->default_text);
        separator = ", ";
    }
    if (field->comment != NULL)
        fprintf(out, "%s%s", strcmp(separator, ", ") == 0 ? "; " : separator, field->comment);
    fputc('\n', out);
}

static void print_struct(FILE *out, const struct api_message *message, struct api_struct *in)
{
    if (in->emitted)
        return;
    if (in->fields == NULL)
        api_file_fail(message->path, 0, "%s has no fields", in->name);
    in->emitted = true;
    for (const struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (field->type != NULL)
            print_struct(out, message, field->type);
    }
    if (in == message->root)
        print_comment(out, message->comment);
    fprintf(out, "struct %s {\n", in->name);
    for (const struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (is_nullable_struct(field))
            fprintf(out, "    bool %s_is_null;\n", field->name);
        if (field->kind == FIELD_STRUCT_ARRAY)
            fprintf(out, "    struct {\n        struct %s *items;\n        int32_t count;\n    } %s;",
                    field->type->name, field->name);
        else if (field->kind == FIELD_STRUCT)
            fprintf(out, "    struct %s %s;", field->type->name, field->name);
        else
            fprintf(out, "    %s %s;", c_type(field), field->name);
        print_remark(out, message, field);
    }
    fprintf(out, "};\nextern const struct message_schema %s_schema;\n", in->name);
    fprintf(out, "extern const struct %s %s_default;\n\n", in->name, in->name);
}

static void print_rows(FILE *out, const struct api_declaration *apis, const char *macro, bool served_only)
{
    fprintf(out, "#define %s(ROW)", macro);
    for (const struct api_declaration *api = apis; api != NULL; api = api->next) {
        if (served_only && is_never(api->served))
            continue;
        fprintf(out, " \\\n    ROW(%s, ", api->name);
        print_upper(out, api->name);
        fprintf(out, ", %d)", api->key);
    }
    fputs("\n\n", out);
}

static void print_header(FILE *out, const struct api_set *set)
{
    fputs("// Made by compile_api of net/protocol/api/*.api. A struct holds the fields of all versions of a message;\n"
          "// remarks tell the versions in which a field is on the wire, unless in all.\n"
          "#ifndef NET_PROTOCOL_MESSAGES_H\n#define NET_PROTOCOL_MESSAGES_H\n\n"
          "#include \"net/protocol/message.h\"\n\n",
          out);
    fputs("enum api_key {\n", out);
    for (const struct api_declaration *api = set->apis; api != NULL; api = api->next) {
        fputs("    API_", out);
        print_upper(out, api->name);
        fprintf(out, " = %d,\n", api->key);
    }
    fputs("};\n\n// ROW(produce, PRODUCE, 0) for each API that has a schema, and for each that the broker serves.\n",
          out);
    print_rows(out, set->apis, "FOR_EACH_API", false);
    print_rows(out, set->apis, "FOR_EACH_SERVED_API", true);
    for (const struct api_message *message = set->messages; message != NULL; message = message->next)
        print_struct(out, message, message->root);
    fputs("#endif\n", out);
}

static bool is_null_default(const struct api_field *field)
{
    return field->default_text != NULL && strcmp(field->default_text, "null") == 0;
}

static bool is_zero_struct(const struct api_struct *in);

// Whether the default is what C gives to a field that an initializer leaves out.
static bool is_zero_default(const struct api_field *field)
{
    switch (field->kind) {
    case FIELD_STRING:
    case FIELD_BYTES:
        return is_null_default(field);
    case FIELD_STRUCT:
        return !is_null_default(field) && is_zero_struct(field->type);
    case FIELD_RECORDS:
    case FIELD_UUID:
        return true;
    default:
        return field->default_text == NULL;
    }
}

static bool is_zero_struct(const struct api_struct *in)
{
    for (const struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (!is_zero_default(field))
            return false;
    }
    return true;
}

static void print_defaults(FILE *out, const struct api_message *message, const struct api_struct *in);

static void print_default(FILE *out, const struct api_message *message, const struct api_field *field)
{
    const char *text = field->default_text;
    switch (field->kind) {
    case FIELD_STRING:
    case FIELD_BYTES:
        if (text != NULL)
            api_file_fail(message->path, field->line, "only null can be the default of %s", field->name);
        fprintf(out, ".%s = {EMPTY, 0}, ", field->name);
        break;
    case FIELD_INT32_ARRAY:
    case FIELD_INT64_ARRAY:
    case FIELD_STRING_ARRAY:
    case FIELD_STRUCT_ARRAY:
        fprintf(out, ".%s = {NULL, -1}, ", field->name);
        break;
    case FIELD_STRUCT:
        if (is_null_default(field))
            fprintf(out, ".%s_is_null = true, ", field->name);
        if (!is_zero_struct(field->type)) {
            fprintf(out, ".%s = {", field->name);
            print_defaults(out, message, field->type);
            fputs("}, ", out);
        }
        break;
    default:
        // The number itself would be too large before its sign is applied.
        fprintf(out, ".%s = %s, ", field->name, strcmp(text, "-2147483648") == 0 ? "INT32_MIN" : text);
    }
}

static void print_defaults(FILE *out, const struct api_message *message, const struct api_struct *in)
{
    if (is_zero_struct(in)) // C has no empty initializers
        fputs("0", out);
    for (const struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (is_null_default(field) && is_never(field->nullable))
            api_file_fail(message->path, field->line, "%s cannot be null", field->name);
        if (!is_zero_default(field))
            print_default(out, message, field);
    }
}

static int wire_size_min(const struct api_message *message, const struct api_struct *in, int version);

static int field_wire_size_min(const struct api_message *message, const struct api_field *field, int version)
{
    bool compact = is_in(message->flexible, version) && !field->classic;
    switch (field->kind) {
    case FIELD_BOOL:
    case FIELD_INT8:
        return 1;
    case FIELD_INT16:
        return 2;
    case FIELD_INT32:
        return 4;
    case FIELD_INT64:
    case FIELD_FLOAT64:
        return 8;
    case FIELD_UUID:
        return 16;
    case FIELD_STRING:
        return compact ? 1 : 2;
    case FIELD_STRUCT:
        return is_in(field->nullable, version) ? 1 : wire_size_min(message, field->type, version);
    case FIELD_STRUCT_ARRAY:
        // An element without bytes would let a few bytes stand for two billion of them.
        if (wire_size_min(message, field->type, version) == 0)
            api_file_fail(message->path, field->line, "elements of %s are empty in version %d", field->name, version);
        return compact ? 1 : 4;
    default:
        return compact ? 1 : 4;
    }
}

static int wire_size_min(const struct api_message *message, const struct api_struct *in, int version)
{
    int size = is_in(message->flexible, version);
    for (const struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (is_in(field->versions, version) && field->tag < 0)
            size += field_wire_size_min(message, field, version);
    }
    return size;
}

static void print_field(FILE *out, const struct api_struct *in, const struct api_field *field)
{
    fputs("    {\"", out);
    print_camel(out, field->name, false);
    if (field->type != NULL)
        fprintf(out, "\", &%s_schema, ", field->type->name);
    else
        fputs("\", NULL, ", out);
    fprintf(out, "offsetof(struct %s, %s), ", in->name, field->name);
    if (is_nullable_struct(field))
        fprintf(out, "offsetof(struct %s, %s_is_null), ", in->name, field->name);
    else
        fputs("0, ", out);
    fprintf(out, "%d, %d, %d, %d, %d, %d, %s, %s},\n", (int)field->kind, field->tag, field->versions.min,
            field->versions.max, field->nullable.min, field->nullable.max, field->ignorable ? "true" : "false",
            field->classic ? "true" : "false");
}

// Returns how many have this tag (-1: none).
static int print_fields(FILE *out, const struct api_struct *in, int tag)
{
    int count = 0;
    for (const struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (field->tag == tag) {
            print_field(out, in, field);
            count++;
        }
    }
    return count;
}

static void print_schema(FILE *out, const struct api_message *message, struct api_struct *in)
{
    if (!in->emitted)
        return;
    in->emitted = false;
    for (const struct api_field *field = in->fields; field != NULL; field = field->next) {
        if (field->type != NULL)
            print_schema(out, message, field->type);
    }
    fprintf(out, "const struct %s %s_default = {", in->name, in->name);
    print_defaults(out, message, in);
    fprintf(out, "};\nstatic const struct message_field %s_fields[] = {\n", in->name);
    int untagged = print_fields(out, in, -1), tagged = 0, total = 0;
    for (const struct api_field *field = in->fields; field != NULL; field = field->next)
        total++;
    for (int tag = 0; untagged + tagged < total; tag++) {
        int count = print_fields(out, in, tag);
        if (count != 1)
            api_file_fail(message->path, in->fields->line, "tag %d of %s is given %d times", tag, in->name, count);
        tagged += count;
    }
    if (total > FIELDS_MAX)
        api_file_fail(message->path, in->fields->line, "%s has more than %d fields", in->name, FIELDS_MAX);
    fprintf(out, "};\nstatic const uint16_t %s_wire_size_min[] = {", in->name);
    for (int version = 0; version <= message->versions.max; version++)
        fprintf(out, "%d, ", wire_size_min(message, in, version));
    fprintf(out,
            "};\nconst struct message_schema %s_schema = {\n    \"%s\", %s_fields, &%s_default, %s_wire_size_min,\n",
            in->name, in->name, in->name, in->name, in->name);
    fprintf(out, "    sizeof(struct %s), %d, %d, %d, %d, %d};\n\n", in->name, untagged, total, message->versions.min,
            message->versions.max, message->flexible.min);
}

static void print_source(FILE *out, const struct api_set *set)
{
    fputs("// Made by compile_api of net/protocol/api/*.api.\n"
          "#include \"net/protocol/messages.h\"\n\n"
          "#include \"net/protocol/api.h\"\n#include \"net/protocol/schema.h\"\n\n"
          "#include <stddef.h>\n#include <stdint.h>\n\n"
          "static const uint8_t EMPTY[1];\n\n",
          out);
    for (const struct api_message *message = set->messages; message != NULL; message = message->next)
        print_schema(out, message, message->root);
    int count = 0;
    fputs("const struct message_schema *const message_schemas[] = {\n", out);
    for (const struct api_message *message = set->messages; message != NULL; message = message->next)
        fprintf(out, "    &%s_schema,\n", message->name);
    fputs("    NULL};\n\nconst struct api api_table[] = {\n", out);
    for (const struct api_declaration *api = set->apis; api != NULL; api = api->next, count++) {
        fprintf(out, "    {%d, \"", api->key);
        print_camel(out, api->name, true);
        fprintf(out, "\", %d, %d, %d, %d, %d, &%s_schema, &%s_schema},\n", api->versions.min, api->versions.max,
                api->flexible.min, api->served.min, api->served.max, api->request->name, api->response->name);
    }
    fprintf(out, "};\nconst int api_table_count = %d;\n", count);
}

static void print_document(FILE *out, const struct api_set *set)
{
    fputs(
        "# APIs of the wire protocol\n\n"
        "Made by the build from `net/protocol/api/*.api`. *Served* are the versions that the broker lists in its\n"
        "ApiVersions answer; messages of the other versions and APIs are known to the codec only. *Flexible* are the\n"
        "versions with compact lengths and tagged fields.\n\n"
        "| Key | API | Served | Versions | Flexible |\n|---:|---|---|---|---|\n",
        out);
    for (const struct api_declaration *api = set->apis; api != NULL; api = api->next) {
        fprintf(out, "| %d | ", api->key);
        print_camel(out, api->name, true);
        fputs(" | ", out);
        if (is_never(api->served))
            fputs("–", out);
        else
            fprintf(out, "%d–%d", api->served.min, api->served.max);
        fprintf(out, " | %d–%d | ", api->versions.min, api->versions.max);
        if (is_never(api->flexible))
            fputs("–", out);
        else
            print_range(out, api->flexible, api->versions.max);
        fputs(" |\n", out);
    }
    fputs("\n## Messages inside other bytes\n\n| Message | Versions | Flexible |\n|---|---|---|\n", out);
    for (const struct api_message *message = set->messages; message != NULL; message = message->next) {
        size_t size = strlen(message->name);
        if ((size > 8 && strcmp(message->name + size - 8, "_request") == 0) ||
            (size > 9 && strcmp(message->name + size - 9, "_response") == 0))
            continue;
        fputs("| ", out);
        print_camel(out, message->name, true);
        fputs(" | ", out);
        print_range(out, message->versions, -1);
        fputs(" | ", out);
        if (is_never(message->flexible))
            fputs("–", out);
        else
            print_range(out, message->flexible, message->versions.max);
        fputs(" |\n", out);
    }
}

static void write_file(const char *path, const struct api_set *set, void (*print)(FILE *out, const struct api_set *set))
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        api_file_fail(path, 0, "%s", strerror(errno));
    print(out, set);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        api_file_fail(path, 0, "cannot write");
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("usage: compile_api HEADER SOURCE DOCUMENT SCHEMA…\n", stderr);
        return 2;
    }
    struct api_set set = {0};
    arena_init(&set.arena, SIZE_MAX);
    for (int i = 4; i < argc; i++)
        api_set_read(&set, argv[i]);
    write_file(argv[1], &set, print_header);
    write_file(argv[2], &set, print_source);
    write_file(argv[3], &set, print_document);
    arena_fini(&set.arena);
    return 0;
}
