// SPDX-License-Identifier: Apache-2.0
// ssl.principal.mapping.rules: from a certificate's distinguished name to the name of a principal (KIP-371). Rules are
// separated by commas, the first that matches the whole name counts:
//   DEFAULT                         the distinguished name itself
//   RULE:pattern/replacement/[LU]   every match of the pattern is replaced, then all is made small or capital letters
// Pattern and replacement are Java's ($1, ${name}, backslash), as PCRE2 reads them: what Java alone has (possessive
// classes like [a&&b]) does not compile. "/" within them is written "\/". Immutable; every function is thread-safe.
#ifndef SERVER_SECURITY_PRINCIPAL_MAPPER_H
#define SERVER_SECURITY_PRINCIPAL_MAPPER_H

struct principal_mapper;

// NULL, with a new text for people in *reason, when the rules cannot be read.
struct principal_mapper *principal_mapper_create(const char *rules, char **reason) __attribute__((warn_unused_result));
void principal_mapper_destroy(struct principal_mapper **mapper);

// The name as a new string (without "User:"); NULL with a new text for people in *reason when no rule matches, a
// replacement names a group that its pattern lacks, or a match takes more steps than anybody should pay for.
char *principal_mapper_apply(const struct principal_mapper *mapper, const char *distinguished_name, char **reason)
    __attribute__((warn_unused_result));

#endif
