// SPDX-License-Identifier: Apache-2.0
#include "cpu_work.hpp"

namespace kts::workload {

Floats allocate_floats(std::size_t count) {
  constexpr std::size_t kPage = 4096;
  const std::size_t bytes = (count * sizeof(float) + kPage - 1) / kPage * kPage;
  return Floats(static_cast<float*>(std::aligned_alloc(kPage, bytes > 0 ? bytes : kPage)));
}

tl::unexpected<Error> out_of_memory() {
  return environment_lacks("the operands could not be allocated",
                           "choose a smaller shape, or free memory");
}

std::unique_ptr<CpuWork> make_cpu_work(std::string_view kind) {
  for (const auto make :
       {make_matrix_work, make_language_work, make_memory_work, make_retrieval_work}) {
    if (auto work = make(kind)) return work;
  }
  return nullptr;
}

}  // namespace kts::workload
