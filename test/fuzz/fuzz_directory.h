// SPDX-License-Identifier: Apache-2.0
// A folder for targets that read files: made on first use, in memory where that can be, and removed at the exit. One
// per process. Ends the process when the files cannot be written.
#ifndef TEST_FUZZ_FUZZ_DIRECTORY_H
#define TEST_FUZZ_FUZZ_DIRECTORY_H

#include "base/view.h"

// Its path; that of a file or folder in it (valid until the next call).
const char *fuzz_directory(void);
const char *fuzz_path(const char *name);

// Removes what is in it.
void fuzz_directory_clear(void);

void fuzz_make_directory(const char *name);
void fuzz_write_file(const char *name, struct view bytes);

// A producer snapshot, with its checksum and number of entries set right.
void fuzz_write_snapshot(const char *name, struct view bytes);

#endif
