#!/bin/bash
# A throw-away Ceph RGW, the strictest S3 server that a Debian machine can install: it checks signatures, checksums and trailers.
# The daemons live in a chroot of a Debian release that is new enough (older releases answer 411 to today's uploads), with all
# objects in memory. Needs root, and a Debian or Ubuntu machine with apt.
#
#   rgw.sh up   DIR PORT MON_PORT   builds DIR/root once (about a minute, 0.8 GB), then starts an empty store (about 15 s)
#   rgw.sh down DIR                 stops the store that `up` started; the chroot stays for the next time
#   rgw.sh wipe DIR                 stops the store and deletes the chroot
#
# `up` prints ready=1 and version=... on stdout; progress goes to stderr. HOTBUCKET_TEST_DEBIAN_MIRROR overrides apt's own mirrors.
# SSE-KMS knows testkey-1 and testkey-2.
# Three users: one with the keys of RGW_ACCESS_KEY and RGW_SECRET_KEY, and RGW_PLAIN_ACCESS_KEY and RGW_PLAIN_SECRET_KEY, one of another account with those of RGW_OTHER_ACCESS_KEY and
# RGW_OTHER_SECRET_KEY, and one of the tenant "tenant1" with those of RGW_TENANT_ACCESS_KEY and RGW_TENANT_SECRET_KEY.
set -euo pipefail

RELEASE=forky
PACKAGES=(radosgw ceph-mon ceph-osd ceph-common)
START_TIMEOUT_S=90
STOP_TIMEOUT_S=3 # nothing in the store is worth a clean end, and radosgw can take half a minute for one

note() { printf 'rgw.sh: %s\n' "$*" >&2; }
fail() { note "$*"; exit 1; }

[ $# -ge 2 ] || fail 'usage: rgw.sh up DIR PORT MON_PORT | down DIR | wipe DIR'
ACTION=$1 DIR=$(realpath -m -- "$2") PORT=${3:-} MON_PORT=${4:-}
ROOT=$DIR/root BUILT=$DIR/built
STORE=/srv/store # as the daemons see it
[ "$(id -u)" = 0 ] || fail 'Cannot make a chroot: root is needed'

in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$ROOT" "$@"; }

# The first of apt's own archives that carries the release.
find_mirror() {
  local uri
  for uri in ${HOTBUCKET_TEST_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sort -u)}; do
    if wget -q --timeout=20 --tries=2 -O /dev/null "${uri%/}/dists/$RELEASE/InRelease"; then
      echo "${uri%/}"
      return
    fi
  done
  fail "Cannot find Debian $RELEASE in apt's archives: set HOTBUCKET_TEST_DEBIAN_MIRROR=URL"
}

# debootstrap from the machine, or unpacked beside the chroot: the machine itself is left as it is.
find_debootstrap() {
  if command -v debootstrap; then return; fi
  local tool=$DIR/debootstrap
  if [ ! -x "$tool/usr/sbin/debootstrap" ]; then
    mkdir -p "$tool"
    # apt drops its privileges for a download where it can; this directory is ours alone.
    (cd "$tool" && apt-get -o APT::Sandbox::User=root download -q debootstrap && dpkg-deb -x debootstrap_*.deb .) >&2 \
      || fail 'Cannot download debootstrap: run apt-get update first'
  fi
  export DEBOOTSTRAP_DIR=$tool/usr/share/debootstrap
  echo "$tool/usr/sbin/debootstrap"
}

build() {
  [ ! -e "$BUILT" ] || return 0
  wipe
  mkdir -p "$DIR"
  local mirror debootstrap script=''
  mirror=$(find_mirror)
  debootstrap=$(find_debootstrap)
  [ -d "$DIR/debootstrap" ] && export DEBOOTSTRAP_DIR=$DIR/debootstrap/usr/share/debootstrap
  # A debootstrap that is older than the release knows no script for it; all since sid's are alike.
  [ -e "${DEBOOTSTRAP_DIR:-/usr/share/debootstrap}/scripts/$RELEASE" ] || script=sid
  note "building a Debian $RELEASE chroot in $ROOT from $mirror (once)"
  "$debootstrap" --variant=minbase "$RELEASE" "$ROOT" "$mirror" $script >"$DIR/build.log" 2>&1 || { tail -n 20 "$DIR/build.log" >&2; fail 'debootstrap failed'; }
  printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d" # packages must not start their services
  chmod 755 "$ROOT/usr/sbin/policy-rc.d"
  mount -t proc proc "$ROOT/proc"
  in_root apt-get install -qy --no-install-recommends "${PACKAGES[@]}" >>"$DIR/build.log" 2>&1 || { tail -n 20 "$DIR/build.log" >&2; fail 'apt-get install failed'; }
  in_root apt-get clean
  date >"$BUILT"
}

# Each daemon's pid file names a process only as long as its command line carries our configuration: pids are reused.
daemon_pid() {
  local pid
  pid=$(cat "$ROOT$STORE/$1.pid" 2>/dev/null) || return 1
  grep -qszxF "$STORE/ceph.conf" "/proc/$pid/cmdline" && [ "$(realpath "/proc/$pid/root")" = "$ROOT" ] && echo "$pid"
}

down() {
  local name pid waited
  for name in client.rgw osd.0 mon.a; do
    pid=$(daemon_pid "$name") || continue
    kill -TERM "$pid" || true
    for ((waited = 0; waited < STOP_TIMEOUT_S * 10; waited++)); do daemon_pid "$name" >/dev/null || break; sleep 0.1; done
    if daemon_pid "$name" >/dev/null; then kill -KILL "$pid" || true; fi
    for ((waited = 0; waited < 50; waited++)); do daemon_pid "$name" >/dev/null || break; sleep 0.1; done
  done
  # Whoever deletes the cache directory by hand must not find the machine's /proc in it.
  if mountpoint -q "$ROOT/proc"; then umount "$ROOT/proc"; fi
  rm -rf -- "${ROOT:?}$STORE"
}

wipe() {
  [ -d "$ROOT" ] || return 0
  down
  rm -rf --one-file-system -- "$ROOT" "$BUILT"
}

write_configuration() {
  cat >"$ROOT$STORE/ceph.conf" <<CONF
[global]
fsid = $FSID
mon initial members = a
mon host = [v2:127.0.0.1:$MON_PORT]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = $STORE/keyring
run dir = $STORE
admin socket = $STORE/\$name.asok
pid file = $STORE/\$name.pid
log file = $STORE/\$name.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
[mon.a]
mon data = $STORE/mon
host = localhost
[osd]
osd data = $STORE/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd op num shards = 2
[client.rgw]
rgw data = $STORE/rgw
rgw frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1
rgw dns name = s3.localhost
rgw s3 auth use sts = false
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo= testkey-2=aWIKTWFrZWZpbGUKbWFuCm91dApzcmMKVGVzdGluZwo=
rgw enable usage log = false
rgw gc obj min wait = 20
rgw gc processor period = 10
rgw gc processor max time = 10
rgw thread pool size = 64
CONF
}

up() {
  [[ $PORT =~ ^[0-9]+$ && $MON_PORT =~ ^[0-9]+$ ]] || fail 'up needs PORT and MON_PORT'
  : "${RGW_TENANT_ACCESS_KEY:?}" "${RGW_TENANT_SECRET_KEY:?}" "${RGW_PLAIN_ACCESS_KEY:?}" "${RGW_PLAIN_SECRET_KEY:?}"
  : "${RGW_ACCESS_KEY:?}" "${RGW_SECRET_KEY:?}" "${RGW_OTHER_ACCESS_KEY:?}" "${RGW_OTHER_SECRET_KEY:?}"
  build
  down
  mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
  mkdir -p "$ROOT$STORE"/{mon,osd,rgw}
  FSID=$(cat /proc/sys/kernel/random/uuid)
  write_configuration
  local conf=(-c "$STORE/ceph.conf") keyring=$STORE/keyring waited
  trap 'code=$?; [ $code = 0 ] || { tail -n 25 "$ROOT$STORE/start.log" >&2; down; }; exit $code' EXIT
  # Daemons keep the descriptors that they were born with, so nothing of the caller's may be among them.
  exec 3>&1 4>&2 >>"$ROOT$STORE/start.log" 2>&1 </dev/null
  in_root ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
  in_root ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  in_root ceph-authtool "$keyring" --gen-key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx' --cap mgr 'allow rw'
  in_root ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' --cap mgr 'allow profile osd'
  in_root monmaptool --create --fsid "$FSID" --addv a "[v2:127.0.0.1:$MON_PORT]" "$STORE/monmap"
  in_root ceph-mon "${conf[@]}" --mkfs -i a --monmap "$STORE/monmap" --keyring "$keyring"
  in_root ceph-mon "${conf[@]}" -i a 3>&- 4>&-
  in_root timeout 60 ceph "${conf[@]}" osd new "$FSID" 0
  in_root ceph-osd "${conf[@]}" -i 0 --mkfs --osd-uuid "$FSID" --no-mon-config
  in_root ceph-osd "${conf[@]}" -i 0 3>&- 4>&-
  in_root timeout 120 radosgw "${conf[@]}" -n client.rgw 3>&- 4>&-
  for ((waited = 0; waited < START_TIMEOUT_S * 4; waited++)); do
    curl -sfo /dev/null "http://127.0.0.1:$PORT/" && break
    sleep 0.25
  done
  curl -sfo /dev/null "http://127.0.0.1:$PORT/" # ends the script where the server never came
  in_root timeout 60 radosgw-admin "${conf[@]}" user create --uid hotbucket --display-name 'hotbucket tests' \
    --access-key "$RGW_ACCESS_KEY" --secret-key "$RGW_SECRET_KEY" --caps 'user-policy=*;roles=*'
  in_root timeout 60 radosgw-admin "${conf[@]}" key create --uid hotbucket \
    --access-key "$RGW_PLAIN_ACCESS_KEY" --secret-key "$RGW_PLAIN_SECRET_KEY"
  in_root timeout 60 radosgw-admin "${conf[@]}" user create --uid other --display-name 'another account' \
    --access-key "$RGW_OTHER_ACCESS_KEY" --secret-key "$RGW_OTHER_SECRET_KEY"
  in_root timeout 60 radosgw-admin "${conf[@]}" user create --tenant tenant1 --uid tenanted --display-name 'an account of a tenant' \
    --access-key "$RGW_TENANT_ACCESS_KEY" --secret-key "$RGW_TENANT_SECRET_KEY"
  exec 1>&3 2>&4
  echo ready=1
  in_root radosgw --version | awk '{ print "version=" $3 }'
}

case $ACTION in up | down | wipe) "$ACTION" ;; *) fail "unknown action '$ACTION'" ;; esac
