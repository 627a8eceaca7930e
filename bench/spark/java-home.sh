# Sourced: sets JAVA_HOME to Debian's JDK 17, whatever other JDKs the machine has.
JAVA_HOME=$(echo /usr/lib/jvm/java-17-openjdk-*)
if [[ ! -x $JAVA_HOME/bin/javac ]]; then
    echo "there is no Debian JDK 17: run scripts/setup.sh spark" >&2
    exit 1
fi
export JAVA_HOME
