#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Static partitions of MPS on a GPU, in at most four minutes: tests/gpu/partitions_visit.sh. What kts
# doctor says of them, what the daemon itself answers, and kts modes beside plain MPS. Where the driver
# knows none, that kts modes says so and ends with 4.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
# shellcheck source=tests/gpu/visit.sh
. tests/gpu/visit.sh

nvidia-smi >"$out/nvidia-smi.txt" 2>&1 || note "no nvidia-smi"
"$bin/kts" doctor >"$out/doctor.txt" 2>&1 || note "kts doctor: exit $?"
grep 'MPS static partitions' "$out/doctor.txt" || note "kts doctor says nothing of them"

if ! grep -q '^ok *MPS static partitions' "$out/doctor.txt"; then
  code=0
  timeout 60 "$bin/kts" modes frontier --device cuda --quick --modes mps-partitions \
    --out "$out/none" 2>"$out/refused.txt" || code=$?
  tail -1 "$out/refused.txt"
  if ((code != 4)) || ! grep -q "knows no static partitions" "$out/refused.txt"; then
    note "FAILED: exit $code where 4 and the reason were due"
    exit 1
  fi
  note "this driver knows none, and kts says so"
  exit 0
fi

# The daemon's own words, for libs/mps/tests.
pipes=$(mktemp -d /tmp/kts-visit-XXXXXX)
export CUDA_MPS_PIPE_DIRECTORY=$pipes CUDA_MPS_LOG_DIRECTORY=$pipes
if nvidia-cuda-mps-control -d -S; then
  trap 'echo quit | nvidia-cuda-mps-control || true; rm -rf "$work"' EXIT
  card=$(nvidia-smi --query-gpu=uuid --format=csv,noheader | head -1)
  for command in lspart "sm_partition add $card 2" lspart; do
    printf '$ %s\n' "$command"
    echo "$command" | nvidia-cuda-mps-control || true
  done >"$out/daemon.txt" 2>&1
  echo quit | nvidia-cuda-mps-control
  trap 'rm -rf "$work"' EXIT
fi
rm -rf "$pipes"
unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
cat "$out/daemon.txt" || note "no daemon with -S"

code=0
timeout 200 "$bin/kts" modes frontier --device cuda --quick --modes mps,mps-partitions \
  --out "$out/modes" >"$out/modes.txt" 2>"$out/modes.stderr.txt" || code=$?
cat "$out/modes.txt"
cat "$out/modes/modes/mps-partitions/mps/partitions.txt" || true
((code == 0 || code == 3 || code == 5)) || { note "kts modes FAILED: exit $code"; tail -1 "$out/modes.stderr.txt"; exit 1; }
grep 'mps-partitions.*left out' "$out/modes.stderr.txt" && { note "FAILED: left out"; exit 1; }
note "done"
