// A check that names its place and makes the test program fail.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      std::fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                             \
    }                                                                           \
  } while (false)

#define CHECK_THROWS(expression, error)                                         \
  do {                                                                          \
    bool thrown = false;                                                        \
    try {                                                                       \
      static_cast<void>(expression);                                            \
    } catch (const error&) {                                                    \
      thrown = true;                                                            \
    }                                                                           \
    CHECK(thrown && #error);                                                    \
  } while (false)
