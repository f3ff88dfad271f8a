#include "CSimdJSON.h"

#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

#include <simdjson.h>

namespace dom = simdjson::dom;

// A value crosses into C as the two words that an element is made of.
static_assert(sizeof(dom::element) == sizeof(csimdjson_value), "an element is a document and an index");
static_assert(std::is_trivially_copyable<dom::element>::value, "an element may be copied as bytes");

struct csimdjson_parser {
    dom::parser parser;
};

namespace {

constexpr size_t max_depth = 128;

// What a parser allocates is a small multiple of the largest document it has seen. Most payloads are far below.
constexpr size_t kept_capacity = 256 * 1024;

// One parser a thread, taken out while it is lent.
thread_local std::unique_ptr<csimdjson_parser> idle_parser;

csimdjson_value to_c(dom::element element) noexcept {
    csimdjson_value value;
    std::memcpy(&value, &element, sizeof value);
    return value;
}

dom::element from_c(csimdjson_value value) noexcept {
    dom::element element;
    std::memcpy(static_cast<void *>(&element), &value, sizeof element);
    return element;
}

csimdjson_status status_of(simdjson::error_code error) noexcept {
    switch (error) {
    case simdjson::SUCCESS: return CSIMDJSON_OK;
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC: return CSIMDJSON_OUT_OF_MEMORY;
    case simdjson::DEPTH_ERROR: return CSIMDJSON_TOO_DEEP;
    case simdjson::UTF8_ERROR: return CSIMDJSON_NOT_UTF8;
    case simdjson::NUMBER_ERROR: return CSIMDJSON_BAD_NUMBER;
    case simdjson::STRING_ERROR:
    case simdjson::UNESCAPED_CHARS:
    case simdjson::UNCLOSED_STRING: return CSIMDJSON_BAD_STRING;
    case simdjson::EMPTY: return CSIMDJSON_EMPTY;
    default: return CSIMDJSON_MALFORMED;
    }
}

}  // namespace

extern "C" {

csimdjson_parser *csimdjson_parser_borrow(void) {
    if (idle_parser) return idle_parser.release();
    std::unique_ptr<csimdjson_parser> parser(new (std::nothrow) csimdjson_parser);
    if (!parser || parser->parser.allocate(16 * 1024, max_depth) != simdjson::SUCCESS) return nullptr;
    return parser.release();
}

void csimdjson_parser_give_back(csimdjson_parser *parser) {
    std::unique_ptr<csimdjson_parser> owned(parser);
    if (owned->parser.capacity() <= kept_capacity) idle_parser = std::move(owned);
}

csimdjson_status csimdjson_parse(
    csimdjson_parser *parser, const uint8_t *bytes, size_t count, csimdjson_value *root) {
    dom::element element;
    auto error = parser->parser.parse(bytes, count, true).get(element);
    if (error == simdjson::SUCCESS) *root = to_c(element);
    return status_of(error);
}

csimdjson_kind csimdjson_kind_of(csimdjson_value value) {
    switch (from_c(value).type()) {
    case dom::element_type::ARRAY: return CSIMDJSON_ARRAY;
    case dom::element_type::OBJECT: return CSIMDJSON_OBJECT;
    case dom::element_type::STRING: return CSIMDJSON_STRING;
    case dom::element_type::BOOL: return CSIMDJSON_BOOLEAN;
    case dom::element_type::NULL_VALUE: return CSIMDJSON_NULL;
    default: return CSIMDJSON_NUMBER;
    }
}

uint64_t csimdjson_pick(
    csimdjson_value value, const csimdjson_key *keys, csimdjson_value *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = csimdjson_value{nullptr, 0};
    uint64_t repeated = 0;
    dom::object object;
    if (from_c(value).get(object) != simdjson::SUCCESS) return repeated;
    for (auto member = object.begin(); member != object.end(); ++member) {
        const auto name = member.key();
        for (size_t i = 0; i < count; i++) {
            if (name.size() != keys[i].count || std::memcmp(name.data(), keys[i].bytes, name.size()) != 0) continue;
            if (values[i].document) repeated |= uint64_t(1) << i;
            else values[i] = to_c(member.value());
            break;
        }
    }
    return repeated;
}

bool csimdjson_string(csimdjson_value value, const char **bytes, size_t *count) {
    std::string_view text;
    if (from_c(value).get(text) != simdjson::SUCCESS) return false;
    *bytes = text.data();
    *count = text.size();
    return true;
}

bool csimdjson_int64(csimdjson_value value, int64_t *number) {
    return from_c(value).get(*number) == simdjson::SUCCESS;
}

bool csimdjson_bool(csimdjson_value value, bool *truth) {
    return from_c(value).get(*truth) == simdjson::SUCCESS;
}

}
