#!/usr/bin/env bash
# Runs every fuzz target of the house for the time given, one after another.
set -euo pipefail
time=${1:-30s}
said=$(mktemp)
trap 'rm -f "$said"' EXIT

fuzz() { go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" 2>&1 | tee "$said"; }

# Go now and then takes the end of the time for a failure of the target: it has no input
# to show for it then, and the target gets its time once more.
outOfTime() { grep -q 'context deadline exceeded' "$said" && ! grep -q 'Failing input' "$said"; }

for package in $(go list ./...); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    echo "== $package $target $time"
    fuzz "$package" "$target" || { outOfTime && fuzz "$package" "$target"; }
  done
done
