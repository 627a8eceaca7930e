#!/usr/bin/env bash
# Tests monitoring/: rules and dashboards alone, and with a real Prometheus beside a real cluster of the binary that
# TAILOR_TEST_BINARY names (else target/debug/tailor). Words are options of pytest: `scripts/test-monitoring.sh -k rules`.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/chart-tools.sh # has Python with pytest and PyYAML
scripts/prometheus.sh
export TAILOR=${TAILOR_TEST_BINARY:-target/debug/tailor}
# Plugins of installed packages want packages of their own.
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1
exec .cache/chart/venv/bin/python -m pytest --quiet -p no:cacheprovider monitoring/tests "$@"
