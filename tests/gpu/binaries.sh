# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced in the repository's root by the visits to a GPU: sets `bin` to the folder with kts,
# kts-worker and the CUDA backend, dist/ (./dev image) or build/*/bin; exit 4 without one.
bin=''
for candidate in dist/bin dist build/release/bin build/ci/bin; do
  [[ -x $candidate/kts && -e $candidate/libkts_workload_cuda.so ]] && { bin=$PWD/$candidate; break; }
done
[[ -n $bin ]] || { echo "no binaries with a CUDA backend: ./dev image makes dist/" >&2; exit 4; }
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-/usr/local/cuda/lib64}
