#!/usr/bin/awk -f
# SPDX-License-Identifier: Apache-2.0
# ctest's JUnit file to: each skipped test with its reason, and one line of counts.
function attribute(line, key,   value) {
  if (!match(line, key "=\"[^\"]*\"")) return ""
  value = substr(line, RSTART + length(key) + 2, RLENGTH - length(key) - 3)
  return value
}
/<testcase / {
  name = attribute($0, " name"); status = attribute($0, "status"); reason = ""; awaiting = 0
  if (status == "run") passed++
  else if (status == "fail") { failed++; failures[failed] = name }
}
# GoogleTest prints "file:line: Skipped" and the reason on the next line.
awaiting { if (reason == "") reason = $0; awaiting = 0 }
/: Skipped$/ { awaiting = 1 }
/(^|>)kts-skip: / { reason = $0; sub(/.*kts-skip: /, "", reason); sub(/<\/system-out>.*/, "", reason) }
/<\/testcase>/ && status != "run" && status != "fail" {
  skipped++
  if (reason == "") reason = (status == "disabled") ? "disabled" : "not run"
  gsub(/&quot;/, "\"", reason); gsub(/&apos;/, "'", reason); gsub(/&lt;/, "<", reason)
  gsub(/&gt;/, ">", reason); gsub(/&amp;/, "\\&", reason)
  print "skipped: " name ": " reason
}
END {
  for (i = 1; i <= failed; i++) print "failed: " failures[i]
  printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
}
