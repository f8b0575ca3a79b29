# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced in the repository's root by the visits to a GPU, <name>_visit.sh. Sets
#   bin     the folder with kts, kts-worker and the CUDA backend: dist/ (./dev image) or
#           build/*/bin; exit 4 without one
#   out     where results go: $OUT, else <name>-visit
#   work    a folder for what is too large to keep, removed at the end
#   failed  0, for the visit to change and end with
# and note, which says how far it is.
bin=''
for candidate in dist/bin dist build/release/bin build/ci/bin; do
  [[ -x $candidate/kts && -e $candidate/libkts_workload_cuda.so ]] && { bin=$PWD/$candidate; break; }
done
[[ -n $bin ]] || { echo "no binaries with a CUDA backend: ./dev image makes dist/" >&2; exit 4; }
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-/usr/local/cuda/lib64}
visit=$(basename "$0" .sh)
out=$(readlink -m "${OUT:-${visit//_/-}}")
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2034 # read by who sources this
failed=0
note() { printf '%3d s  %s\n' "$SECONDS" "$*" | tee -a "$out/steps.txt" >&2; }
