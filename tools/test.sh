#!/usr/bin/env bash
# All tests. Those of the gateway's environment and those inside QGIS's own Python run side by side, as both wait more than
# they work; each file of the latter has a QGIS of its own, so that what one leaves in the application is not there for the
# next. What QGIS's tests say is shown at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT

in_qgis() {
  local status=0
  for file in tests/qgis/test_*.py; do
    QT_QPA_PLATFORM=offscreen .venv-qgis/bin/python -m pytest "$file" "$@" || status=$?
  done
  return $status
}

.venv/bin/python tools/demo_archive.py .cache/demo-archive > /dev/null || exit
in_qgis "$@" > "$said" 2>&1 &
beside=$!
status=0
.venv/bin/python -m pytest tests --ignore=tests/qgis "$@" || status=$?
wait $beside || status=$?
cat "$said"
exit $status
