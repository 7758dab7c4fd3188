#!/usr/bin/env bash
# Sets up everything on Debian 12, and does nothing where nothing is missing:
# the Debian packages, .venv (gateway, processes, client) and .venv-qgis (QGIS's own Python);
# with the argument `bench` also .venv-bench (what is measured beside us), with `screenshots` a screen in memory.
# The plugin's translations are compiled too.
# The two environments stay apart: Debian's numpy, which QGIS needs, and PyPI's do not mix.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(qgis python3-qgis qgis-providers otb-bin slurmctld slurmd slurm-client gdal-bin openssh-server nginx-light openssl fonts-dejavu-core
  libfaketime python3-venv qttools5-dev-tools)
if [ "${1:-}" = screenshots ]; then packages+=(xvfb xauth); fi

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "These Debian packages are missing: ${missing[*]}" >&2
    echo "Install them (sudo apt-get install --no-install-recommends ${missing[*]}) and run make again." >&2
    exit 1
  fi
  say "Installing Debian packages: ${missing[*]} (about two minutes)"
  apt-get update -qq
  # Debian's packages must not start a system-wide Slurm or SSH daemon: the tests start their own.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
    | grep -E '^(Get:|Unpacking|Setting up)' | awk 'NR % 40 == 1 { print "    " substr($0, 1, 100); fflush() }'
fi

# An environment is made anew when what it should hold has changed.
environment() { # folder, stamp, options of venv, what pip installs...
  local folder=$1 stamp=$2 options=$3
  shift 3
  [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ] && return
  say "Making $folder (about a minute)"
  rm -rf "$folder"
  # shellcheck disable=SC2086
  /usr/bin/python3 -m venv $options "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
  echo "$stamp" > "$folder/.stamp"
}

here=$(pwd)
stamp=$(cat pyproject.toml tools/setup.sh tools/requirements-qgis.txt | sha256sum | cut -d' ' -f1)-$here
environment .venv "$stamp" "" -e '.[ssh,gateway,processes,dev]'
environment .venv-qgis "$stamp" --system-site-packages -r tools/requirements-qgis.txt
if [ "${1:-}" = bench ]; then
  environment .venv-bench "$(sha256sum < tools/requirements-bench.txt | cut -d' ' -f1)-$here" "" -r tools/requirements-bench.txt
fi

.venv/bin/python tools/translations.py compile
