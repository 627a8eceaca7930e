# Sourced: runs the parts of a long script, and tells how long each took, so that nobody has to guess where minutes go.

# stage NAME COMMAND...: runs the command; prints its name and seconds to stderr when it has succeeded.
stage() {
    local name=$1 began=$SECONDS
    shift
    "$@"
    echo "== $name took $((SECONDS - began)) s" >&2
}
