#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_trace.py FILE...: whether each is a trace.json that Perfetto reads. Exit 1 with what is wrong.

Rules of the Chrome trace event format (JSON object form): strict JSON, each phase's fields, b and e
in pairs, slices of a thread nested, processes and threads named.
"""
import collections
import json
import sys


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def check(path):
    with open(path, encoding="utf-8") as file:
        trace = json.load(file, parse_constant=no_constant)
    problems, counts = [], collections.Counter()
    slices, pending, named, used = collections.defaultdict(list), {}, set(), set()
    for event in trace["traceEvents"]:
        phase, pid, tid = event["ph"], event["pid"], event["tid"]
        counts[phase] += 1
        if phase == "M":
            if event["name"] in ("process_name", "thread_name"):
                named.add((pid, tid if event["name"] == "thread_name" else None))
            continue
        used.add((pid, None))
        ts = round(event["ts"] * 1000)
        if ts < 0:
            problems.append(f"before the origin: {event}")
        if phase == "X":
            used.add((pid, tid))
            slices[pid, tid].append((ts, ts + round(event["dur"] * 1000)))
            if event["dur"] < 0:
                problems.append(f"negative: {event}")
        elif phase == "b":
            pending[pid, event["cat"], event["id"]] = (event["name"], ts)
        elif phase == "e":
            name, begun = pending.pop((pid, event["cat"], event["id"]))
            if name != event["name"] or ts < begun:
                problems.append(f"ends what wasn't begun: {event}")
        elif phase == "C":
            if not all(isinstance(v, (int, float)) for v in event["args"].values()):
                problems.append(f"no number: {event}")
        elif phase != "i":
            problems.append(f"unknown phase: {event}")
    if pending:
        problems.append(f"never ended: {next(iter(pending))}")
    problems += [f"no name: {track}" for track in used - named]
    for track, list_ in slices.items():
        ends = []
        for start, end in sorted(list_, key=lambda slice_: slice_[0]):
            while ends and ends[-1] <= start:
                ends.pop()
            if ends and end > ends[-1]:
                problems.append(f"slices overlap on {track} at {start} ns")
            ends.append(end)
    return problems, counts, trace.get("otherData")


def main():
    failed = False
    for path in sys.argv[1:]:
        problems, counts, other = check(path)
        print(path, dict(counts), json.dumps(other))
        for problem in problems[:20]:
            print("  wrong:", problem)
        failed |= bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
