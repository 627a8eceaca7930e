#!/usr/bin/env bash
# Makes what the comparison with Spark needs besides the JDK: Spark in .cache/spark, and the jobs in
# target/spark/jobs.jar, compiled against Spark's own jars. Running it again changes nothing but the jar.
set -euo pipefail

cd "$(dirname "$0")/../.."
source bench/spark/java-home.sh
venv=.cache/spark
pinned=(bench/spark/build-requirements.txt bench/spark/requirements.txt)

if ! cat "${pinned[@]}" | cmp --silent - "$venv/.made"; then
    echo "installing Spark from PyPI: 460 MB, some minutes" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    for requirements in "${pinned[@]}"; do
        "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --no-build-isolation \
            --require-hashes --requirement "$requirements"
    done
    cat "${pinned[@]}" >"$venv/.made"
fi

jars=$(echo "$venv"/lib/python3*/site-packages/pyspark/jars)
built=target/spark
rm -rf "$built/classes"
mkdir -p "$built/classes"
find bench/spark/java bench/spark/java-test -name '*.java' -print0 |
    xargs -0 "$JAVA_HOME/bin/javac" -nowarn -XDignore.symbol.file -encoding UTF-8 -d "$built/classes" -cp "$jars/*" \
        --add-exports java.base/sun.nio.ch=ALL-UNNAMED
"$JAVA_HOME/bin/jar" --create --file "$built/jobs.jar" -C "$built/classes" .
