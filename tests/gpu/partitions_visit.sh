#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Static partitions of MPS on a GPU, in at most four minutes:
#
#     tests/gpu/partitions_visit.sh [OUT] [--bin FOLDER]
#
# OUT: $OUT or partitions-visit. FOLDER: with kts, kts-worker and the CUDA module; else dist/, which
# ./dev image makes. What kts doctor says of them, what the daemon itself answers, and kts modes
# beside plain MPS. Where the driver knows none, that kts modes says so and ends with 4.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
out=${OUT:-partitions-visit} bin=dist
while (($#)); do
  case $1 in
    --bin) bin=$2; shift ;;
    -*) echo "usage: see the head of $0" >&2; exit 2 ;;
    *) out=$1 ;;
  esac
  shift
done
[[ -x $bin/kts ]] || { echo "no kts in $bin: ./dev image makes it, or --bin FOLDER" >&2; exit 2; }
mkdir -p "$out"
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-/usr/local/cuda/lib64}
SECONDS=0
say() { echo "[$SECONDS s] $*"; }

nvidia-smi >"$out/nvidia-smi.txt" 2>&1 || say "no nvidia-smi"
"$bin/kts" doctor >"$out/doctor.txt" 2>&1 || say "kts doctor: exit $?"
grep 'MPS static partitions' "$out/doctor.txt" || say "kts doctor says nothing of them"

if ! grep -q '^ok *MPS static partitions' "$out/doctor.txt"; then
  code=0
  timeout 60 "$bin/kts" modes frontier --device cuda --quick --modes mps-partitions \
    --out "$out/none" 2>"$out/refused.txt" || code=$?
  tail -1 "$out/refused.txt"
  if ((code != 4)) || ! grep -q "knows no static partitions" "$out/refused.txt"; then
    say "FAILED: exit $code where 4 and the reason were due"
    exit 1
  fi
  say "this driver knows none, and kts says so"
  exit 0
fi

# The daemon's own words, for libs/mps/tests.
pipes=$(mktemp -d /tmp/kts-visit-XXXXXX)
export CUDA_MPS_PIPE_DIRECTORY=$pipes CUDA_MPS_LOG_DIRECTORY=$pipes
if nvidia-cuda-mps-control -d -S; then
  trap 'echo quit | nvidia-cuda-mps-control || true' EXIT
  card=$(nvidia-smi --query-gpu=uuid --format=csv,noheader | head -1)
  for command in lspart "sm_partition add $card 2" lspart; do
    printf '$ %s\n' "$command"
    echo "$command" | nvidia-cuda-mps-control || true
  done >"$out/daemon.txt" 2>&1
  echo quit | nvidia-cuda-mps-control
  trap - EXIT
fi
rm -rf "$pipes"
unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
cat "$out/daemon.txt" || say "no daemon with -S"

code=0
timeout 200 "$bin/kts" modes frontier --device cuda --quick --modes mps,mps-partitions \
  --out "$out/modes" >"$out/modes.txt" 2>"$out/modes.stderr.txt" || code=$?
cat "$out/modes.txt"
cat "$out/modes/modes/mps-partitions/mps/partitions.txt" || true
((code == 0 || code == 3 || code == 5)) || { say "kts modes FAILED: exit $code"; tail -1 "$out/modes.stderr.txt"; exit 1; }
grep 'mps-partitions.*left out' "$out/modes.stderr.txt" && { say "FAILED: left out"; exit 1; }
say "done"
