# Settings of buildah and podman, in files of their own below .cache/containers: the machine's settings, networks, images and
# containers are neither read nor changed. Sourced in the root of the repository; `as_root podman ...` then uses them.

containers=$PWD/.cache/containers
export CONTAINERS_CONF=$containers/containers.conf
export CONTAINERS_STORAGE_CONF=$containers/storage.conf

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    else
        sudo -n --preserve-env=CONTAINERS_CONF,CONTAINERS_STORAGE_CONF "$@"
    fi
}

write_settings() {
    mkdir -p "$containers/networks"
    # The default limits exceed what a container may set inside another one. runc works on the cgroups of either version.
    cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
tmp_dir = "$containers/run/libpod"
[network]
network_backend = "netavark"
network_config_dir = "$containers/networks"
CONF
    local driver
    driver=$(storage_driver)
    cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "$driver"
graphroot = "$containers/$driver"
runroot = "$containers/run/$driver"
CONF
}

# Prints overlay if the kernel mounts one here, else vfs, which needs nothing of the kernel but copies the image for each
# container.
storage_driver() {
    local folder=$containers/probe options
    mkdir -p "$folder"/{lower,upper,work,merged}
    options=lowerdir=$folder/lower,upperdir=$folder/upper,workdir=$folder/work
    if as_root mount -t overlay overlay -o "$options" "$folder/merged" 2>/dev/null; then
        as_root umount "$folder/merged"
        echo overlay
    else
        echo vfs
    fi
    as_root rm -rf "$folder"
}

[[ -f $CONTAINERS_STORAGE_CONF ]] || write_settings
