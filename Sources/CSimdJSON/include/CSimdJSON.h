// A C surface over simdjson's DOM parser: parse one document, then pick members out of its objects.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Owns the memory of one parsed document. For one thread at a time.
typedef struct csimdjson_parser csimdjson_parser;

/// A place in a document: valid until its parser parses again or is given back. A null document means "absent".
typedef struct {
    const void *document;
    size_t index;
} csimdjson_value;

/// The name of a member, without a terminating NUL.
typedef struct {
    const char *bytes;
    size_t count;
} csimdjson_key;

typedef enum __attribute__((enum_extensibility(closed))) {
    CSIMDJSON_NULL,
    CSIMDJSON_BOOLEAN,
    CSIMDJSON_NUMBER,
    CSIMDJSON_STRING,
    CSIMDJSON_ARRAY,
    CSIMDJSON_OBJECT,
} csimdjson_kind;

typedef enum __attribute__((enum_extensibility(closed))) {
    CSIMDJSON_OK,
    CSIMDJSON_OUT_OF_MEMORY,
    CSIMDJSON_TOO_DEEP,
    CSIMDJSON_NOT_UTF8,
    CSIMDJSON_BAD_NUMBER,
    CSIMDJSON_BAD_STRING,
    CSIMDJSON_EMPTY,
    CSIMDJSON_MALFORMED,
} csimdjson_status;

/// This thread's parser, or a new one if it is lent out or there was none; null without memory.
/// Arrays and objects nested deeper than 128 are refused.
csimdjson_parser *csimdjson_parser_borrow(void);

/// Keeps the parser for this thread's next document, unless a large document made it large.
void csimdjson_parser_give_back(csimdjson_parser *parser);

/// Parses and validates the whole document (RFC 8259), which is copied: the bytes need no padding and no longer life.
csimdjson_status csimdjson_parse(
    csimdjson_parser *parser, const uint8_t *bytes, size_t count, csimdjson_value *root);

csimdjson_kind csimdjson_kind_of(csimdjson_value value);

/// Finds at most 64 members in one pass over an object: `values[i]` is the first member named `keys[i]`, or absent.
/// Bit i of the result is set if there is more than one. The value must be an object.
uint64_t csimdjson_pick(
    csimdjson_value object, const csimdjson_key *keys, csimdjson_value *values, size_t count);

/// The unescaped UTF-8 text of a string, which may contain NUL; false for another kind.
bool csimdjson_string(csimdjson_value value, const char **bytes, size_t *count);

/// False unless the value is a number written without fraction and exponent that fits.
bool csimdjson_int64(csimdjson_value value, int64_t *number);

/// False unless the value is a boolean.
bool csimdjson_bool(csimdjson_value value, bool *truth);

#ifdef __cplusplus
}
#endif
