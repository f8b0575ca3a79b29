# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Part of tests/cluster/lab: a node's cards, made up or this machine's own, as the stand-in for
# NVIDIA's device plugin reads them (gpu/hardware.go). $hardware has
#   cards    a line a card: UUID, MiB, product; for a real one also device node, compute capability
#            and driver version
#   devices  nodes that come with any card, mounts  libraries and programs: host's path, container's
#   faults/UUID  the Xid of a card that broke
# with tabs between.

# Fixed, but no less of a UUID.
made_up_uuid() {
  local digest
  digest=$(printf '%s card %d' "$([[ $node == node1 ]] && echo kts-lab || echo "kts-lab $node")" "$1" | md5sum)
  printf 'GPU-%s-%s-%s-%s-%s' "${digest:0:8}" "${digest:8:4}" "${digest:12:4}" "${digest:16:4}" "${digest:20:12}"
}
card_uuid() { sed -n "$((${1:-0} + 1))s/\t.*//p" "$hardware/cards"; }

# set_cards N | set_cards real [FILE...]
set_cards() {
  local kind=$1 number
  [[ $kind == real || $kind =~ ^[0-9]+$ ]] || misuse "neither a number of cards nor 'real': '$kind'"
  shift
  mkdir -p "$hardware/faults"
  rm -f "$hardware"/{faults/*,devices,mounts}
  if [[ $kind == real ]]; then
    real_mounts "$@" >"$hardware/mounts"
    for number in nvidiactl nvidia-uvm nvidia-uvm-tools; do device_node "/dev/$number"; done >"$hardware/devices"
    real_cards >"$hardware/cards.new"
    say "cards: $(cut -f1,3,4 "$hardware/cards.new" | tr '\t\n' ' ;')"
  else
    for ((number = 0; number < kind; number++)); do
      printf '%s\t143771\tNVIDIA H200\n' "$(made_up_uuid "$number")"
    done >"$hardware/cards.new"
  fi
  mv "$hardware/cards.new" "$hardware/cards"
}

find_nvidia_smi() { command -v nvidia-smi || ls /usr/local/nvidia/bin/nvidia-smi 2>/dev/null; }

real_cards() {
  local smi uuid memory name compute driver number=0 minor
  smi=$(find_nvidia_smi) || die "no nvidia-smi: without NVIDIA's driver there are made-up cards only"
  "$smi" --query-gpu=uuid,memory.total,name,compute_cap,driver_version --format=csv,noheader,nounits |
    sed 's/, /\t/g' | while IFS=$'\t' read -r uuid memory name compute driver; do
    # A device node's number needn't be the card's place in the list.
    minor=$(awk -v uuid="$uuid" '/^GPU UUID:/ {is = $3 == uuid} /^Device Minor:/ && is {print $3}' \
      /proc/driver/nvidia/gpus/*/information 2>/dev/null || true)
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$uuid" "$memory" "$name" \
      "$(device_node "/dev/nvidia${minor:-$number}" | cut -f1)" "$compute" "$driver"
    number=$((number + 1))
  done
}

# device_node PATH: it, or one like it that pods' users may open, where it is root's alone.
device_node() {
  local path=$1 own=$hardware/dev/${1##*/} numbers
  if [[ ! -c $path ]]; then
    say "there is no $path; containers do without"
    return
  fi
  if [[ $(stat -c %a "$path") == *[67] ]]; then
    own=$path
  elif [[ ! -c $own ]]; then
    read -ra numbers < <(stat -c '0x%t 0x%T' "$path")
    mkdir -p "$hardware/dev"
    mknod -m 666 "$own" c "$((numbers[0]))" "$((numbers[1]))"
    say "$path is not for everybody; containers get a copy that is"
  fi
  printf '%s\t%s\n' "$own" "$path"
}

# Where a container's loader looks without being told.
container_libraries=/usr/lib/$(uname -m)-linux-gnu

# What NVIDIA's container toolkit puts into a container for the capabilities compute and utility, and
# FILE...
real_mounts() {
  local folder smi name file
  folder=$(driver_folder) || die "libcuda.so.1 is nowhere to be found: is NVIDIA's driver installed?"
  for name in cuda cudadebugger nvidia-{ml,cfg,ptxjitcompiler,nvvm,nvvm70,gpucomp,allocator,opencl}; do
    for file in "$folder/lib$name".so.*; do
      if [[ -f $file ]]; then library_mount "$file"; fi
    done
  done
  for file in "$@"; do
    [[ -f $file ]] || die "no library '$file'"
    library_mount "$file"
  done
  smi=$(find_nvidia_smi) && printf '%s\t/usr/bin/nvidia-smi\n' "$(readlink -f "$smi")"
}
library_mount() { printf '%s\t%s/%s\n' "$(readlink -f "$1")" "$container_libraries" "${1##*/}"; }

driver_folder() {
  local folder folders=()
  IFS=: read -ra folders <<<"${LD_LIBRARY_PATH:-}"
  for folder in /usr/local/nvidia/lib64 "${folders[@]}" "$container_libraries" /usr/lib64; do
    if [[ -e $folder/libcuda.so.1 ]]; then
      echo "$folder"
      return
    fi
  done
  folder=$(ldconfig -p 2>/dev/null | awk '$1 == "libcuda.so.1" {print $NF; exit}')
  [[ -n $folder ]] && echo "${folder%/*}"
}
