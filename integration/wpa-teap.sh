#!/usr/bin/env bash
# Builds eapol_test and hostapd with TEAP, which Debian leaves out of its packages, from
# Debian's own source package of wpa, patches and all. They land in
# .tools/wpa-teap-VERSION, with .tools/wpa-teap pointing there, and are built once: remove
# the link to build again. The mirrors are those of /etc/apt; apt's state is in a folder
# of its own, so that neither root nor deb-src lines are needed.
set -euo pipefail
tools=$(cd "$(dirname "$0")/.." && pwd)/.tools
[ -x "$tools/wpa-teap/eapol_test" ] && [ -x "$tools/wpa-teap/hostapd" ] && exit 0
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
if [ -z "$suite" ] || ! command -v dpkg-source >/dev/null || ! command -v gcc >/dev/null; then
  echo "wpa-teap: no Debian with a compiler: build eapol_test and hostapd with TEAP yourself and put them into $tools/wpa-teap"
  exit 0 # as deps.sh does: the tests say what they miss
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{sources,lists/partial,cache/archives/partial,src}

# The entries of this Debian become source entries; those of somebody else's packages
# are left out.
shopt -s nullglob
for file in /etc/apt/sources.list.d/*.sources; do
  awk -v RS= -v suite="$suite" '
    $0 ~ "(^|\n)Suites:[^\n]*[ \t]" suite && $0 ~ "(^|\n)Components:[^\n]*[ \t]main" {
      gsub("(^|\n)Types:[^\n]*", "\nTypes: deb-src"); sub("^\n", "")
      print $0 "\n"
    }' "$file" >"$work/sources/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ ! -e "$file" ] || sed -nE "s/^deb(-src)?[[:space:]]+(.*[[:space:]]$suite(-security|-updates)?[[:space:]].*main.*)/deb-src \2/p" "$file" |
    sort -u >"$work/sources/$(basename "$file" .list).list"
done
find "$work/sources" -empty -delete

apt=(-q -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State::Lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=1)
log=$work/log
quietly() { "$@" >>"$log" 2>&1 || { tail -40 "$log"; echo "wpa-teap: $1 failed"; exit 1; }; }
quietly apt-get "${apt[@]}" update
cd "$work/src"
quietly apt-get "${apt[@]}" source wpa
version=$(basename wpa_*.dsc .dsc)
version=${version#wpa_}
cd wpa-*/

# Small builds: no driver but the ones that are none, no D-Bus, no netlink library.
common='CONFIG_TLS=openssl
CONFIG_EAP_GTC=y
CONFIG_EAP_MD5=y
CONFIG_EAP_MSCHAPV2=y
CONFIG_EAP_PEAP=y
CONFIG_EAP_TEAP=y
CONFIG_EAP_TLS=y
CONFIG_EAP_TTLS=y'
printf '%s\n' "$common" CONFIG_DRIVER_WIRED=y CONFIG_IEEE8021X_EAPOL=y CONFIG_EAPOL_TEST=y CONFIG_BACKEND=file \
  CONFIG_TESTING_OPTIONS=y >wpa_supplicant/.config
# hostapd reads the Authority-ID of TEAP only where it also knows EAP-FAST.
printf '%s\n' "$common" CONFIG_DRIVER_NONE=y CONFIG_EAP=y CONFIG_EAP_FAST=y CONFIG_RADIUS_SERVER=y >hostapd/.config
export EXTRA_CFLAGS=-Wno-deprecated-declarations
quietly make -C wpa_supplicant -j"$(nproc)" eapol_test
quietly make -C hostapd -j"$(nproc)" hostapd

mkdir -p "$tools/wpa-teap-$version"
install -m 755 wpa_supplicant/eapol_test hostapd/hostapd "$tools/wpa-teap-$version/"
ln -sfn "wpa-teap-$version" "$tools/wpa-teap"
echo "wpa-teap: built $tools/wpa-teap-$version"
