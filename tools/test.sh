#!/usr/bin/env bash
# All tests: first those of the gateway's environment, then those inside QGIS's own Python, each file in a QGIS of its own,
# so that what one leaves in the application is not there for the next.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0
.venv/bin/python -m pytest tests --ignore=tests/qgis "$@" || status=$?
for file in tests/qgis/test_*.py; do
  QT_QPA_PLATFORM=offscreen .venv-qgis/bin/python -m pytest "$file" "$@" || status=$?
done
exit $status
