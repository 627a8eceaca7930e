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
    # vfs copies each layer, and needs nothing of the kernel.
    cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "vfs"
graphroot = "$containers/storage"
runroot = "$containers/run/storage"
CONF
}

write_settings
