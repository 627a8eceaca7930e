#!/usr/bin/env bash
# Tests the chart: lint, golden files, schemas, rules, and its settings against those of the binary, which
# TAILOR_TEST_BINARY names (else target/debug/tailor). Words are options of pytest: `scripts/test-chart.sh -k rules`.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/chart-tools.sh
# Plugins of installed packages want packages of their own.
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1
exec .cache/chart/venv/bin/python -m pytest --quiet -p no:cacheprovider helm/tests "$@"
