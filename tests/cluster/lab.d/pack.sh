# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Part of tests/cluster/lab: the whole lab in one file, for a machine that has neither packages nor a
# network, such as one that is lent for its GPU. There it needs bash, the GNU tools, util-linux and a
# kernel with overlayfs or patience; no iptables, no bridges, no openssl.
#
# A packed lab differs in its network alone: pods have none, but those of the GPU software, which talk
# to the API server, have the node's. The API server listens at its service's address and port, so no
# kube-proxy has to lead there.

is_packed() { [[ -e $lab/stamp/packed ]]; }

# shellcheck disable=SC2034  # read in lab
use_packed() {
  PATH=$lab/tools:$PATH
  busybox=$lab/tools/busybox
  library_path=$lab/lib
  port=443
}

# libraries FOLDER PROGRAM...: what they are linked with, but for glibc, which every machine has.
copy_libraries() {
  local folder=$1 library
  shift
  mkdir -p "$folder"
  while read -r library; do
    case ${library##*/} in
      ld-linux* | libc.so.* | libm.so.* | libdl.so.* | librt.so.* | libpthread.so.* | libresolv.so.*) ;;
      *) cp -L "$library" "$folder/" ;;
    esac
  done < <(ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ "^/" {print $3}' | sort -u)
}

pack() {
  local file='' with='' work program
  while (($#)); do
    case $1 in
      --with) with=${2:-}; shift; [[ -d $with ]] || misuse "pack: no folder '$with'" ;;
      -*) misuse "pack: unknown option '$1'" ;;
      *) file=$1 ;;
    esac
    shift
  done
  [[ -n $file ]] || misuse "pack: no file"
  ! is_packed || die "$lab is a packed lab itself: $file would be what it came from"
  build
  work=$(mktemp -d)
  mkdir -p "$work"/{bin,lib,tools,stamp,debs/root/usr/{bin,sbin,lib/cni}}
  cp -P "$bin"/{hyperkube,kube-apiserver,kube-controller-manager,kube-scheduler,kubelet,kubectl,pause} "$work/bin/"
  for program in bin/{containerd,containerd-shim-runc-v2,ctr,etcd} sbin/runc lib/cni/loopback; do
    cp "$lab/debs/root/usr/$program" "$work/debs/root/usr/$program"
  done
  cp "$here/lab.d/no-network" "$work/debs/root/usr/lib/cni/"
  cp "$busybox" "$work/tools/busybox"
  ln -s busybox "$work/tools/ip"
  cp "$(command -v openssl)" "$work/tools/openssl.program"
  cp /etc/ssl/openssl.cnf "$work/tools/"
  # shellcheck disable=SC2016
  printf '%s\n' '#!/bin/sh' 'here=${0%/*}' \
    'LD_LIBRARY_PATH=$here/../lib OPENSSL_CONF=$here/openssl.cnf exec "$here/openssl.program" "$@"' \
    >"$work/tools/openssl"
  chmod +x "$work/tools/openssl"
  copy_libraries "$work/lib" "$work/debs/root/usr/sbin/runc" "$work/tools/openssl.program"
  cp -r "$lab/images" "$work/"
  if [[ -n $with ]]; then
    cp -r "$with" "$work/with"
    find "$work/with" -type f -perm -100 -exec strip --strip-debug {} + 2>/dev/null || true
    local programs=()
    mapfile -t programs < <(find "$work/with" -maxdepth 1 -type f -perm -100 ! -name '*.so')
    copy_libraries "$work/with/lib" "${programs[@]}"
  fi
  git -C "$repository" describe --always --dirty >"$work/stamp/packed" 2>/dev/null || echo unknown >"$work/stamp/packed"
  say "packing $(du -sm "$work" | cut -f1) MiB"
  # Minutes. A window over everything finds what is there twice; XZ_OPT=-1 is for trying things out.
  local small='--lzma2=preset=6,dict=256MiB'
  [[ $(uname -m) != x86_64 ]] || small="--x86 $small"
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -cf - . | XZ_OPT=${XZ_OPT:-$small} xz >"$file"
  rm -rf "$work"
  say "$file: $(($(stat -c %s "$file") / 1048576)) MiB"
}

unpack() {
  local file=${1:-} folder=${2:-$lab}
  [[ -s $file ]] || misuse "unpack: no file '$file'"
  mkdir -p "$folder"
  if command -v xz >/dev/null; then
    xz -dc "$file"
  else # bare machines often have Python, though not xz
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer, 1 << 20)' "$file"
  fi | tar -C "$folder" -xf -
  [[ -e $folder/stamp/packed ]] || die "$file is no packed lab"
}
