// SPDX-License-Identifier: Apache-2.0
// Reads schema files (api/*.api) for the generator; runs at build time only. The form of the files is described in
// README.md. Everything lives in the arena of the schema set; mistakes in a file end the program with its line.
#ifndef NET_PROTOCOL_API_FILE_H
#define NET_PROTOCOL_API_FILE_H

#include "base/arena.h"
#include "net/protocol/schema.h"

#include <stdbool.h>
#include <stddef.h>

// min > max: no version at all.
struct version_range {
    int min, max;
};

struct api_struct;

struct api_field {
    struct api_field *next;
    const char *name; // snake case
    const char *comment;
    const char *default_text; // NULL: the type's own
    const char *type_name;    // of a struct that is defined elsewhere in the message, until it is resolved
    struct api_struct *type;  // FIELD_STRUCT and FIELD_STRUCT_ARRAY
    enum field_type kind;
    struct version_range versions, nullable;
    int tag; // -1: none
    bool ignorable, classic;
    int line;
};

struct api_struct {
    struct api_struct *next; // in the message, in the order in which C needs them once emitted
    const char *name;        // of the C struct
    const char *short_name;  // of a struct section, for references
    struct api_field *fields;
    struct version_range versions;
    bool emitted;
};

struct api_message {
    struct api_message *next;
    const char *name; // produce_request
    const char *comment;
    const char *path; // file, for messages of errors
    struct version_range versions, flexible;
    struct api_struct *root;
    struct api_struct *structs; // sections "struct"
};

struct api_declaration {
    struct api_declaration *next;
    const char *name; // produce
    int key;
    struct version_range versions, flexible, served;
    struct api_message *request, *response;
};

struct api_set {
    struct arena arena;
    struct api_declaration *apis; // by key
    struct api_message *messages; // in the order of files, which is alphabetic
};

// Adds what the file declares. Ends the program when it cannot be read.
void api_set_read(struct api_set *set, const char *path);

// Prints "path:line: message" and ends the program.
_Noreturn void api_file_fail(const char *path, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
