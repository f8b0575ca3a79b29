#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The yardstick of `kts report`: the same run read with np.loadtxt, point statistics only.

usage: loadtxt.py RUN
Prints {"results": [...]} as report_stages does: pooled samples by agent, phase and measure.
"""
import collections
import json
import pathlib
import sys

import numpy as np

MEASURES = {  # columns: due, submit, gpu_start, gpu_end, done
    "latency": (0, 4), "backlog": (0, 1), "gpu_wait": (1, 2), "gpu_time": (2, 3), "notify": (3, 4)}


def records_in(log):
    """How many records END counts, so that loadtxt needs no filter for the last line."""
    with open(log, "rb") as file:
        file.seek(-min(4096, log.stat().st_size), 2)
        return json.loads(file.read().splitlines()[-1].split(b",", 2)[2])["emitted"]


def main():
    samples = collections.defaultdict(list)
    for block in sorted(pathlib.Path(sys.argv[1], "blocks").iterdir()):
        facts = json.loads((block / "block.json").read_text())
        start, stop = facts["window_start_ns"], facts["window_stop_ns"]
        for agent in facts["active"]:
            log = block / f"{agent}.log"
            instants = np.loadtxt(log, dtype=np.int64, delimiter=",", usecols=range(4, 9),
                                  skiprows=1, max_rows=records_in(log))
            due = instants[:, 0]
            kept = instants[(due >= start + (stop - start) // 20) & (due < stop)]
            for measure, (begin, end) in MEASURES.items():
                samples[agent, facts["phase"], measure].append(kept[:, end] - kept[:, begin])
    results = []
    for (agent, phase, measure), parts in samples.items():
        values = np.concatenate(parts) * 1e-6
        p50, p95, p99, p999 = np.quantile(values, [0.5, 0.95, 0.99, 0.999])
        results.append({"agent": agent, "phase": phase, "measure": measure, "n": len(values),
                        "mean": values.mean(), "p50": p50, "p95": p95, "p99": p99, "p999": p999})
    print(json.dumps({"results": results}))


if __name__ == "__main__":
    main()
