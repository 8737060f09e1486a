#!/bin/sh
# Says why the end-to-end suite cannot run on this machine, and fails; or says nothing.
set -u
[ "$(uname -s)" = Linux ] || { echo "it needs Linux"; exit 1; }
[ "$(id -u)" = 0 ] || { echo "it makes namespaces: run it as root"; exit 1; }
for tool in ip go etcd redis-server redis-sentinel redis-cli; do
	command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 1; }
done
name=redis-gitops-e2e-check-$$
trap 'ip netns delete "$name" 2>/dev/null' EXIT
why=$(ip netns add "$name" 2>&1) || { echo "no network namespace can be made: $why"; exit 1; }
why=$(ip netns exec "$name" ip link set lo up 2>&1) || { echo "nothing can run in a network namespace: $why"; exit 1; }
# What a container of podrunner is made of.
why=$(unshare --mount --uts --ipc --pid --fork sh -c '
	set -e
	mount -t tmpfs tmpfs /mnt
	mkdir /mnt/upper /mnt/work /mnt/root
	mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
	mount -t proc proc /mnt/root/proc' 2>&1) || { echo "no container can be made: $why"; exit 1; }
