#pragma once

// Included ahead of a Verilated model's files in a coverage build. Verilator adds up a point over
// all instances of its module; with its instance in the comment, a cover point is one of its own in
// each, as tools/coverage.py wants it. Lines stay one for all.

#include <verilated_cov.h>

#include <string>

#undef VL_COVER_INSERT
// The names are those of the generated function that this stands in.
#define VL_COVER_INSERT(covcontextp, countp, ...)                                        \
  do {                                                                                   \
    const bool is_point = std::string(pagep).rfind("v_user", 0) == 0;                    \
    const std::string where = is_point ? std::string(hierp) + " " + commentp : commentp; \
    {                                                                                    \
      const char* const commentp = where.c_str();                                        \
      covcontextp->_inserti(countp);                                                     \
      covcontextp->_insertf(__FILE__, __LINE__);                                         \
      covcontextp->_insertp("hier", name(), __VA_ARGS__);                                \
    }                                                                                    \
  } while (false)
