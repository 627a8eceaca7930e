# Sourced: reads the commit of the previous release.

# previous_commit: prints it.
previous_commit() {
    grep -v '^#' upgrade/previous-release
}

# have_previous_commit: fails, with what is to be done, in a clone without that commit.
have_previous_commit() {
    git cat-file -e "$(previous_commit)^{commit}" 2>/dev/null && return
    echo "the previous release, commit $(previous_commit), is not in this clone: fetch it by \`git fetch --unshallow\`" >&2
    return 1
}
