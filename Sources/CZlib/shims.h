#pragma once
#include <zlib.h>

// deflateInit2 and inflateInit2 are macros. 15 window bits, and 16 more for the gzip wrapper (RFC 1952).

static inline int zlib_deflate_init_gzip(z_stream *stream, int level)
{
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

static inline int zlib_inflate_init_gzip(z_stream *stream)
{
    return inflateInit2(stream, 15 + 16);
}
