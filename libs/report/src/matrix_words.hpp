// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/matrix.hpp"

namespace kts::report {

// One cell and its place.
struct CellView {
  const analysis::SetResult* set = nullptr;
  const analysis::MatrixCell* cell = nullptr;
};
// Cells of all sets of `size` agents (0: of any size), those who pay most first: overloaded, then
// by DF; those without a DF last.
std::vector<CellView> costliest(const analysis::Matrix& matrix, std::size_t size = 0);

// "gemm", "gemm and decode", "3 × gemm and decode": the set without one copy of `agent`.
std::string beside(const analysis::SetResult& set, std::string_view agent);
std::string together(const std::vector<std::string>& agents);  // "fft, 3 × gemm"

std::string verdict_words(const analysis::MatrixCell& cell);
// "11.7×", "11.7× at p95", "overloaded", "–".
std::string df_text(const analysis::MatrixCell& cell);
std::string df_interval(const analysis::MatrixCell& cell);  // "8.51–13.2", or empty
std::string kept_text(const analysis::Estimate& kept);      // "93 %"

// One agent beside a growing number of copies of another (or of itself).
struct Scaling {
  std::string agent;
  std::string neighbour;
  struct Point {
    std::size_t agents = 0;  // in all
    CellView view;
  };
  std::vector<Point> points;  // at least three, ascending; the first may be the agent alone
};
std::vector<Scaling> scalings(const analysis::Matrix& matrix);

std::vector<std::string> sentences(const analysis::Matrix& matrix);
std::string matrix_method_sentence(const analysis::Matrix& matrix);

}  // namespace kts::report
