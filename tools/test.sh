#!/usr/bin/env bash
# All tests: first those of the gateway's environment, then those inside QGIS's own Python.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0
.venv/bin/python -m pytest tests --ignore=tests/qgis "$@" || status=$?
QT_QPA_PLATFORM=offscreen .venv-qgis/bin/python -m pytest tests/qgis "$@" || status=$?
exit $status
