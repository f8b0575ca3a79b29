# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Part of tests/cluster/lab: its nodes. All have the machine's processes and one network; each has a
# container runtime, a kubelet, control groups and cards of its own. Those after the first see the
# folders that every kubelet takes for its own (/var/lib/kubelet, …) in a mount namespace of their
# own, which a component of the node's name holds.

# use_node NUMBER: what the functions of a node work on.
use_node() {
  node_number=$1 node=node$1 node_address=${address%.*}.$1
  node_run=$run node_state=$state node_cgroup=/$cgroup
  if ((node_number > 1)); then
    node_run=$run/$node node_state=$state/$node node_cgroup=/$cgroup/$node
  fi
  hardware=$node_run/hardware
}
nodes=1
use_node 1

# for_each_node COMMAND...: of the cluster that is up, or coming up.
for_each_node() {
  local number
  [[ ! -s $run/nodes ]] || nodes=$(<"$run/nodes")
  for ((number = 1; number <= nodes; number++)); do
    use_node "$number"
    "$@"
  done
  use_node 1
}

# Below the cluster's control group, for the nodes after the first, whose it is itself.
make_node_cgroups() {
  local number group file
  for ((number = 2; number <= nodes; number++)); do
    group=$1/node$number
    mkdir -p "$group"
    for file in cpuset.cpus cpuset.mems; do
      # Version 1 hands nothing down by itself.
      if [[ -e $1/$file && ! -e $1/cgroup.controllers ]]; then cat "$1/$file" >"$group/$file"; fi
    done
  done
}

make_kubelet_certificate() {
  certificate "kubelet-$node" "/O=system:nodes/CN=system:node:$node" "subjectAltName=IP:$node_address,DNS:$node"
  kubeconfig "kubelet-$node"
}

# On the loopback device, yet an address that pods reach and that Endpoints accept.
add_address() { ip address add "$node_address/32" dev lo; }

# Where the node's programs see their folders; empty: where everybody does.
node_namespace() {
  if ((node_number > 1)); then echo "/proc/$(<"$run/pid/$node")/ns/mnt"; fi
}

make_node_folders() {
  mkdir -p "$node_state"/{kubelet,pod-logs,container-logs} "$node_run"/{shims,cni}
  if ((node_number == 1)); then
    mount_node_folders "$node_number"
    return
  fi
  component_start "$node" unshare --mount --propagation private "$bin/pause"
  wait_for 10 "the mount namespace of $node" has_own_mounts
  nsenter --mount="$(node_namespace)" "$self" inside mount "$node_number"
}
has_own_mounts() { [[ $(readlink "$(node_namespace)") != "$(readlink /proc/self/ns/mnt)" ]]; }

mount_node_folders() {
  use_node "$1"
  mount --bind "$node_state/kubelet" /var/lib/kubelet
  mount --bind "$node_state/pod-logs" /var/log/pods
  mount --bind "$node_state/container-logs" /var/log/containers
  mount --bind "$node_run/shims" /run/containerd
  mount -t tmpfs tmpfs /var/lib/cni
}

# node_component NAME COMMAND...: NAME on node1, NAME-node2 on node2.
node_component() {
  local name=$1
  shift
  if ((node_number > 1)); then
    component_start "$name-$node" nsenter --mount="$(node_namespace)" "$@"
  else
    component_start "$name" "$@"
  fi
}
