#!/usr/bin/env bash
# Installs what some tests use from Debian: a browser, command-line clients, slow ones among them, a tracer of system calls, network namespaces, and readers of QR codes and zips. Tests that miss one of them
# skip and say why, except where CI is set. Needs root; does nothing when everything is there.
set -euo pipefail

packages=(chromium curl wget aria2 procps strace iproute2 zbar-tools slowhttptest unzip python3)
missing=()
# renders pages for a third of the work; the tests take the whole browser where there is none
optional=chromium-headless-shell
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
dpkg -s "$optional" >/dev/null 2>&1 && optional=
[ ${#missing[@]} -eq 0 ] && [ -z "$optional" ] && exit 0

echo "installing from Debian: ${missing[*]} $optional"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || [ ${#missing[@]} -eq 0 ]
if [ ${#missing[@]} -gt 0 ]; then apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; fi
if [ -n "$optional" ]; then
  apt-get install -y -qq --no-install-recommends "$optional" >/dev/null || echo "going on without $optional"
fi
