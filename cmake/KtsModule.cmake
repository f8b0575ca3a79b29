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

# Where a test finds sources and what was built; and the main function of every test program.
if(KTS_BUILD_TESTS)
  set(support "${PROJECT_SOURCE_DIR}/tests/support")
  configure_file("${support}/places.cpp.in" "${PROJECT_BINARY_DIR}/generated/places.cpp" @ONLY)
  add_library(kts_places STATIC "${PROJECT_BINARY_DIR}/generated/places.cpp")
  target_include_directories(kts_places PUBLIC "${support}")
  add_library(kts_test_main STATIC "${support}/main.cpp")
  target_link_libraries(kts_test_main PRIVATE kts_options PUBLIC kts_places GTest::gmock)
endif()

# What programs share with the precompiled header that they use.
function(kts_compile_as_test target)
  target_link_libraries(${target} PRIVATE kts_options kts_test_main)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  # A third of a build is compiling tests, which takes less time without optimisation; what is
  # tested keeps its level.
  target_compile_options(${target} PRIVATE -O0)
endfunction()

# Half of what a test's compiler does is to read these. GCC 12 forgets in a precompiled header whose
# code it warns about.
if(KTS_BUILD_TESTS AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/test_headers.cpp" CONTENT "")
  add_executable(test_headers "${PROJECT_BINARY_DIR}/generated/test_headers.cpp")
  target_link_libraries(test_headers PRIVATE tl::expected)
  kts_compile_as_test(test_headers)
  target_precompile_headers(test_headers PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <tl/expected.hpp>
    <algorithm> <chrono> <filesystem> <fstream> <optional> <sstream> <thread>)
endif()

# kts_add_test_file(<target> <file>.cpp [<library>...]): makes the program when it isn't there yet.
# CMAKE_UNITY_BUILD compiles its files together; each has a namespace of its own.
function(kts_add_test_file target file)
  if(TARGET ${target})
    target_sources(${target} PRIVATE ${file})
  else()
    add_executable(${target} ${file})
    kts_compile_as_test(${target})
    if(TARGET test_headers)
      target_precompile_headers(${target} REUSE_FROM test_headers)
    endif()
  endif()
  target_link_libraries(${target} PRIVATE ${ARGN})
endfunction()

# kts_add_test(<module> <file>.cpp [LABEL unit] [TIMEOUT 120] [ALONE] [LIBS <target>...]
#              [ENVIRONMENT ...] [PROPERTIES ...])
# makes ctest kts.<module>.<file>: the file's cases in the program test_<module>, or, ALONE, in
# test_<module>_<file>. A case that calls GTEST_SKIP makes the test visibly skipped.
function(kts_add_test module file)
  if(NOT KTS_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "ALONE" "LABEL;TIMEOUT" "LIBS;ENVIRONMENT;PROPERTIES" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  get_filename_component(stem ${file} NAME_WE)
  set(target test_${module})
  if(ARG_ALONE)
    set(target test_${module}_${stem})
  endif()
  kts_add_test_file(${target} ${file} ${ARG_LIBS})
  if(ARG_ALONE)
    set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)
  endif()
  add_test(NAME kts.${module}.${stem} COMMAND ${target} --file=${stem})
  set_tests_properties(kts.${module}.${stem} PROPERTIES
    LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT} ENVIRONMENT "${ARG_ENVIRONMENT}"
    SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]" ${ARG_PROPERTIES})
endfunction()
