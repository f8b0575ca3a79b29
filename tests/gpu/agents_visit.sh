#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Chains in every sharing mode, 2 to 32 agents, and the study's two agents on four slots, on a GPU:
# about seven minutes. Checks that every step of a chain joins its request in streams too, that
# kts modes compares the chain, that reports tell of memory and that no MPS process is left. Results
# in OUT.
#
#     bash tests/gpu/agents_visit.sh        binaries in dist/ (./dev image), else build/*/bin
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
# shellcheck source=tests/gpu/visit.sh
. tests/gpu/visit.sh

# measure NAME LIMIT ARGUMENTS...: what is small of the run's folder goes to OUT.
measure() {
  local name=$1 limit=$2 code=0
  shift 2
  timeout --signal INT "$limit" "$bin/kts" "$@" --out "$work/$name" >"$out/$name.txt" 2>"$out/$name.stderr.txt" || code=$?
  # 5: too few samples, or an overload.
  [[ $code == 0 || $code == 5 ]] || failed=1
  note "$name: exit $code; $(tail -1 "$out/$name.stderr.txt")"
  mkdir -p "$out/$name"
  for file in results.md report.html modes.json modes.csv matrix.json matrix.csv summary.json environment.json plots; do
    [[ ! -e $work/$name/$file ]] || cp -r "$work/$name/$file" "$out/$name/"
  done
}

measure chain-streams 60 run chain --device cuda --sharing streams --quick
python3 - "$out/chain-streams/summary.json" <<'PY' | tee -a "$out/steps.txt" >&2 || failed=1
import json, sys
summary = json.load(open(sys.argv[1]))
assert len(summary["chains"]) == 2, "no chain in both phases"
for phase in summary["chains"]:
    assert phase["finished"] > 0, "no request came to its end"
    print("  ", phase["chain"], phase["phase"], "finished", phase["finished"], "unfinished", phase["unfinished"])
PY

measure chain-modes 180 modes chain --device cuda --quick --modes time-slicing,mps,streams
python3 - "$out/chain-modes/modes.json" <<'PY' | tee -a "$out/steps.txt" >&2 || failed=1
import json, sys
modes = json.load(open(sys.argv[1]))
assert modes["agent"]["name"] == "answer" and modes["baseline"]["sharing"] == "time-slicing"
for mode in modes["companies"][0]["modes"]:
    assert mode["measured"], f"{mode['way']}: {mode['reason']}"
    assert [n["agent"] for n in mode["neighbours"]] == ["batch"]
    assert mode["memory"]["predicted_bytes"], "no memory"
    print("  ", mode["way"], "p99 ms", mode["p99"], "kept", mode["kept_ratio"])
PY

measure growth 240 matrix growth --device cuda --minutes 2.5
measure slots 120 matrix study --slots 4 --device cuda --quick --minutes 1.5
python3 - "$out/growth/matrix.json" "$out/slots/matrix.json" <<'PY' | tee -a "$out/steps.txt" >&2 || failed=1
import json, sys
growth, slots = (json.load(open(path)) for path in sys.argv[1:])
assert [len(s["agents"]) for s in growth["sets"]] == [2, 4, 8, 16, 32], "not all numbers of agents"
assert len(slots["sets"]) == 12, "not all sets of two agents on four slots"
for s in growth["sets"]:
    router = next(c for c in s["cells"] if c["agent"] == "router")
    print("  ", len(s["agents"]), "agents: p99 ms", router["p99"], "sum kept", s["kept_sum"], router["why"] or "")
print("  ", "largest set", growth["largest_set"]["predicted_bytes"], "of", growth["memory"]["device_bytes"])
PY
if pgrep -f nvidia-cuda-mps >"$out/mps-left.txt"; then
  note "MPS processes are left"
  failed=1
fi
note "done: exit $failed"
exit "$failed"
