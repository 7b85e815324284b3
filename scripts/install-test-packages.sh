#!/usr/bin/env bash
# Installs what some tests use from Debian: a browser, command-line clients, a tracer of system calls, network namespaces and slow HTTP clients. Tests that miss one of them skip and say why,
# except where CI is set. Needs root; does nothing when everything is there.
set -euo pipefail

packages=(chromium curl wget procps strace iproute2 slowhttptest)
missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing from Debian: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
