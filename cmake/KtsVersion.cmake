# SPDX-License-Identifier: Apache-2.0
# The commit is looked up at every build, and version.cpp is rewritten only when it changed.
include_guard(GLOBAL)
set(KTS_VERSION_SOURCE "${PROJECT_BINARY_DIR}/generated/version.cpp")
add_custom_target(kts_version_stamp
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DOUTPUT=${KTS_VERSION_SOURCE}
          -DVERSION=${PROJECT_VERSION} -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
  BYPRODUCTS ${KTS_VERSION_SOURCE}
  COMMENT "Looking up the commit")
