// Holds doctest's main(), so that the tests of each header compile without it.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
