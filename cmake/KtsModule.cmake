# SPDX-License-Identifier: Apache-2.0
include_guard(GLOBAL)

# kts_add_module(NAME <module> SOURCES <file>... [DEPS <module>...] [LIBS <target>...] [PRIVATE_LIBS <target>...])
# makes target kts_<module>, alias kts::<module>, from libs/<module>. DEPS name modules that were
# added before, so the order in the top CMakeLists.txt is the layering.
function(kts_add_module)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS;LIBS;PRIVATE_LIBS" ${ARGN})
  set(target kts_${ARG_NAME})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(kts::${ARG_NAME} ALIAS ${target})
  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/kts/${ARG_NAME}/*.hpp")
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${headers})
  target_include_directories(${target} PRIVATE src)
  target_link_libraries(${target} PRIVATE kts_options PUBLIC ${ARG_LIBS} PRIVATE ${ARG_PRIVATE_LIBS})
  foreach(dep IN LISTS ARG_DEPS)
    if(NOT TARGET kts_${dep})
      message(FATAL_ERROR "module ${ARG_NAME} may not depend on ${dep}: it stands lower in the layering")
    endif()
    target_link_libraries(${target} PUBLIC kts_${dep})
  endforeach()
  kts_let_tidy_see(${target})
  if(KTS_VERIFY_HEADERS)
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
endfunction()

# kts_let_tidy_see(<target>): clang-tidy reads the files in which CMAKE_UNITY_BUILD includes the sources.
function(kts_let_tidy_see target)
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD_CODE_BEFORE_INCLUDE "// NOLINTNEXTLINE(bugprone-suspicious-include)")
endfunction()

# What programs share with the precompiled header that they use.
function(kts_compile_as_test target)
  target_link_libraries(${target} PRIVATE kts_options GTest::gmock GTest::gtest_main)
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests" UNITY_BUILD OFF)
  # Half of a build is compiling tests, which takes less time with less optimisation; what is
  # tested keeps its level.
  if(KTS_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  else()
    target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  endif()
endfunction()

# Half of what a test's compiler does is to read these. GCC 12 forgets in a precompiled header whose
# code it warns about; compiling without, it finds what a test forgot to include.
if(KTS_BUILD_TESTS AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/test_headers.cpp" CONTENT "")
  add_executable(test_headers "${PROJECT_BINARY_DIR}/generated/test_headers.cpp")
  target_link_libraries(test_headers PRIVATE tl::expected)
  kts_compile_as_test(test_headers)
  target_precompile_headers(test_headers PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <tl/expected.hpp>
    <algorithm> <chrono> <filesystem> <fstream> <optional> <sstream> <thread>)
endif()

# kts_add_test_program(<target> <file>.cpp [<library>...])
function(kts_add_test_program target file)
  add_executable(${target} ${file})
  target_link_libraries(${target} PRIVATE ${ARGN})
  kts_compile_as_test(${target})
  if(TARGET test_headers)
    target_precompile_headers(${target} REUSE_FROM test_headers)
  endif()
  target_compile_definitions(${target} PRIVATE
    KTS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KTS_BIN_DIR="${PROJECT_BINARY_DIR}/bin")
endfunction()

# kts_add_test(<module> <file>.cpp [LABEL unit] [LIBS <target>...] [ARGS ...])
# makes ctest kts.<module>.<file>; a case that calls GTEST_SKIP makes the test visibly skipped.
function(kts_add_test module file)
  if(NOT KTS_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "LIBS;ENVIRONMENT;PROPERTIES" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  get_filename_component(stem ${file} NAME_WE)
  set(target test_${module}_${stem})
  kts_add_test_program(${target} ${file} ${ARG_LIBS})
  add_test(NAME kts.${module}.${stem} COMMAND ${target})
  set_tests_properties(kts.${module}.${stem} PROPERTIES
    LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${ARG_ENVIRONMENT}"
    SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]" ${ARG_PROPERTIES})
endfunction()
