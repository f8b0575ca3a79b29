// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "markdown.hpp"  // the pieces have moved there
