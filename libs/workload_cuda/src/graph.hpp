// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <utility>

#include "cuda_error.hpp"
#include "kts/base/error.hpp"

namespace kts::workload_cuda {

// What was enqueued on a stream once, to be launched as one CUDA Graph.
class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() {
    if (executable_) cudaGraphExecDestroy(executable_);
  }

  // `enqueue` returns a Status; what it enqueues isn't run.
  template <typename Enqueue>
  [[nodiscard]] Status capture(cudaStream_t stream, Enqueue&& enqueue) {
    KTS_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
             "cannot capture a graph");
    Status enqueued = std::forward<Enqueue>(enqueue)();
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
    KTS_CHECK_OK(std::move(enqueued));
    KTS_CUDA(ended, "cannot capture a graph");
    const cudaError_t made = cudaGraphInstantiate(&executable_, graph, 0);
    cudaGraphDestroy(graph);
    KTS_CUDA(made, "cannot instantiate a graph");
    KTS_CUDA(cudaGraphUpload(executable_, stream), "cannot upload a graph");
    return {};
  }
  [[nodiscard]] bool captured() const { return executable_ != nullptr; }
  [[nodiscard]] Status launch(cudaStream_t stream) noexcept {
    KTS_CUDA(cudaGraphLaunch(executable_, stream), "cannot launch a graph");
    return {};
  }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace kts::workload_cuda
