#!/usr/bin/env bash
# Installs the real peers of the integration tests where it may; where it may
# not, prints the one line to run and lets the tests say what they miss.
set -euo pipefail
command -v dpkg-query >/dev/null || { echo "deps: not Debian: install these yourself: $*"; exit 0; }
missing=()
for package in "$@"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
  echo "deps: the integration tests need these packages; as root, run: $line"
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Packages that start a service must not start one here: the tests run their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -q
apt-get install -y -q --no-install-recommends "${missing[@]}"
