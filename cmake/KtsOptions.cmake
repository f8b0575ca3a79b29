# SPDX-License-Identifier: Apache-2.0
include_guard(GLOBAL)

option(KTS_BUILD_TESTS "Build the tests" ON)
option(KTS_BUILD_BENCH "Build the benchmarks" OFF)
option(KTS_BUILD_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
option(KTS_WARNINGS_AS_ERRORS "Treat warnings as errors" OFF)
option(KTS_STATIC_DEPS "Link every library but glibc and CUDA statically" OFF)
option(KTS_VERIFY_HEADERS "Compile every public header on its own" OFF)
set(KTS_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=")
set(KTS_CUDA AUTO CACHE STRING "CUDA backend: AUTO (when a toolkit is found), ON, OFF")
set_property(CACHE KTS_CUDA PROPERTY STRINGS AUTO ON OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
# The CUDA backend is a module beside the binary that loads it.
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

find_program(KTS_CCACHE ccache)
if(KTS_CCACHE)
  # Otherwise it passes on everything that uses a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${KTS_CCACHE}")
endif()
find_program(KTS_MOLD mold)
if(KTS_MOLD AND NOT KTS_STATIC_DEPS)
  add_link_options(-fuse-ld=mold)
endif()

add_library(kts_options INTERFACE)
target_compile_options(kts_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wundef>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${KTS_WARNINGS_AS_ERRORS}>>:-Werror>)
# GCC 12 sees overlaps in std::string that aren't there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(kts_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
# In grouped sources GCC takes every source for a header, and names of one for those of another.
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(kts_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage -Wno-shadow>)
endif()
if(KTS_SANITIZE)
  add_compile_options(-fsanitize=${KTS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KTS_SANITIZE})
endif()
if(KTS_STATIC_DEPS)
  add_link_options(-static-libstdc++ -static-libgcc)
endif()
