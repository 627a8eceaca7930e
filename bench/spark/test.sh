#!/usr/bin/env bash
# Tests the comparison with Spark without Spark: the arithmetic of the table, the comparison of outputs, the meter; and,
# if install.sh has run, the parts of the expert job that need no Spark.
set -euo pipefail

cd "$(dirname "$0")/../.."
(cd bench/spark && ../../.cache/venv/bin/python -m unittest --quiet)
if [[ -d target/spark/classes ]]; then
    source bench/spark/java-home.sh
    jars=$(echo .cache/spark/lib/python3*/site-packages/pyspark/jars)
    "$JAVA_HOME/bin/java" -cp "target/spark/classes:$jars/*" tailor.spark.series.SelfTest >/dev/null
fi
