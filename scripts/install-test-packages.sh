#!/usr/bin/env bash
# Installs what some tests use from Debian: a browser, command-line clients, slow ones among them, a tracer of system calls, network namespaces, and readers of QR codes and zips. Tests that miss one of them
# skip and say why, except where CI is set. Needs root; does nothing when everything is there.
set -euo pipefail

packages=(chromium curl wget aria2 procps strace iproute2 zbar-tools slowhttptest unzip python3)
missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing from Debian: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
