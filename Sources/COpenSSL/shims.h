#pragma once
#include <openssl/ssl.h>
#include "tls.h"
