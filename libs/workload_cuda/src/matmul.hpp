// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cublasLt.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device_memory.hpp"
#include "kernels/types.hpp"
#include "kts/base/error.hpp"
#include "kts/workload/cost.hpp"

namespace kts::workload_cuda {

// y = x W^T by cuBLASLt: W [out][in] and x [rows][in] bf16, row-major; sums in FP32.
struct Product {
  std::int64_t out = 0;
  std::int64_t in = 0;
  bool accumulate = false;  // y += x W^T
  bool to_float = false;    // y float instead of bf16
  friend bool operator==(const Product&, const Product&) = default;
};

// cuBLASLt on one stream. An algorithm is chosen for each product and each doubling of the rows, by
// timing; `run` neither chooses nor allocates.
class Matmul {
 public:
  Matmul() = default;
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;
  ~Matmul();

  [[nodiscard]] Status create(cudaStream_t stream);
  // Times what the library proposes, on operands of that many rows, for `rows` and fewer down to
  // half of them; what `y` held is lost. The stream is synchronised.
  [[nodiscard]] Status choose(const Product& product, std::int64_t rows, const Bf16* weights,
                              const Bf16* x, void* y);
  // `x_stride` and `y_stride`: elements from row to row. 1 to the most rows chosen for.
  [[nodiscard]] Status run(const Product& product, std::int64_t rows, const Bf16* weights,
                           const Bf16* x, std::int64_t x_stride, void* y) noexcept;
  // What was chosen: a line for the curious.
  [[nodiscard]] std::string describe() const;

  static constexpr std::size_t kWorkspaceBytes = workload::kProductWorkspaceBytes;

 private:
  struct Choice {
    Product product;
    std::int64_t rows = 0;  // the most
    cublasLtMatmulAlgo_t algorithm{};
    int rank = 0;  // among the library's proposals
    int proposals = 0;
    float milliseconds = 0;
  };
  [[nodiscard]] cublasStatus_t launch(const Product& product, std::int64_t rows,
                                      const Bf16* weights, const Bf16* x, std::int64_t x_stride,
                                      void* y, const cublasLtMatmulAlgo_t* algorithm) noexcept;

  cublasLtHandle_t handle_ = nullptr;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t end_ = nullptr;
  DeviceMemory workspace_;
  std::vector<Choice> choices_;
};

}  // namespace kts::workload_cuda
