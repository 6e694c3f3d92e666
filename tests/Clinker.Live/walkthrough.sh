#!/usr/bin/env bash
# The how-to "Accessing GlusterFS using Cinder hosts", its commands as they are, in a mount namespace of its own so that /etc/cinder
# and /var/lib/cinder of this machine stay untouched. Called by Walkthrough.cs:
#   unshare --mount walkthrough.sh OUT NODE PORT     OUT: where the executables are; NODE serves a Gluster volume named vol1
set -euo pipefail
out=$1 node=$2 port=$3
mount --make-rprivate /
mkdir -p /etc/cinder /var/lib/cinder /var/log/cinder
for at in /etc/cinder /var/lib/cinder /var/log/cinder; do mount -t tmpfs tmpfs "$at"; done
bin=$(mktemp -d)
ln -s "$out/clinker" "$bin/openstack-config"
PATH=$bin:$out:$PATH
export OS_PROJECT_ID=admin OS_AUTH_TYPE=noauth CINDER_ENDPOINT=http://127.0.0.1:$port/v3

daemon=''
end() {
  [ -z "$daemon" ] || { kill "$daemon"; wait "$daemon" || true; }
  awk '$5 ~ "^/var/lib/cinder/volumes/" { print $5 }' /proc/self/mountinfo | xargs -r -n1 umount -l
  rm -rf "$bin"
}
trap end EXIT
serve() {
  clinkerd --port "$port" 2>/var/log/cinder/stderr.log &
  daemon=$!
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return; sleep 0.1; done
  cat /var/log/cinder/stderr.log >&2; exit 1
}
# grep that reads to the end: whoever writes to one that has gone fails, and so would the line.
has() { local said; said=$(cat); grep -q "$@" <<<"$said"; }
fails() { echo "walkthrough: $*" >&2; exit 1; }

echo "== 3. client packages on each host"
apt-get install glusterfs-client

echo "== 4. configure"
openstack-config --set /etc/cinder/cinder.conf DEFAULT volume_driver cinder.volume.drivers.glusterfs.GlusterfsDriver
openstack-config --set /etc/cinder/cinder.conf DEFAULT glusterfs_shares_config /etc/cinder/shares.conf
openstack-config --set /etc/cinder/cinder.conf DEFAULT glusterfs_mount_point_base /var/lib/cinder/volumes
openstack-config --set /etc/cinder/cinder.conf DEFAULT log_dir /var/log/cinder
[ "$(openstack-config --get /etc/cinder/cinder.conf DEFAULT glusterfs_shares_config)" = /etc/cinder/shares.conf ] || fails "the key is not read back"

echo "== 5. list of shares: without the slash, as in the how-to"
echo "$node:vol1" > /etc/cinder/shares.conf
md5=$(printf %s "$node:vol1" | md5sum | cut -d' ' -f1)

echo "== 6. firewall and doctor"
clinker firewall | tee "$bin/rules"
grep -q "$node" "$bin/rules" || fails "no rule for $node"
grep -q 24007 "$bin/rules" || fails "no rule for glusterd's port"
clinker firewall --format nft | has 24007 || fails "no nft rule"

echo "== 7. start; look at the log"
serve
clinker doctor || true
tail -50 /var/log/cinder/volume.log
! grep -q ' ERROR ' /var/log/cinder/volume.log || fails "errors in the log"

echo "== 2. before starting: no volumes"
cinder list
[ "$(cinder list | grep -c available || true)" = 0 ] || fails "there are volumes already"

echo "== 8. verify"
cinder create --display_name myvol 10
for _ in $(seq 50); do cinder list | has available && break; sleep 0.1; done
cinder list
cinder list | grep myvol | grep available | has ' 10 ' || fails "myvol is not available"
ls -lah "/var/lib/cinder/volumes/$md5/"
id=$(cinder list | awk '/myvol/ { print $2 }')
ls -lah "/var/lib/cinder/volumes/$md5/" | grep -E -- "^-rw-rw-rw- .* 10G .* volume-$id\$" || fails "the file is not as the how-to shows it"
[ "$(du -k "/var/lib/cinder/volumes/$md5/volume-$id" | cut -f1)" -lt 1024 ] || fails "the file is not sparse"
cinder show myvol | has "$id" || fails "it can't be shown by its name"

echo "== the same objects, with openstack"
openstack() { env -u OS_PROJECT_ID -u CINDER_ENDPOINT OS_AUTH_TYPE=none OS_ENDPOINT="http://127.0.0.1:$port/v3/admin" /usr/bin/openstack "$@"; }
openstack volume list
[ "$(openstack volume show myvol -f value -c id)" = "$id" ] || fails "openstack shows another volume"
[ "$(openstack volume show myvol -f value -c status)" = available ] || fails "openstack shows another status"
openstack volume set --description 'from the how-to' --property colour=red myvol
openstack volume show myvol -f value -c description | has 'from the how-to' || fails "the description is not kept"
openstack volume create --size 1 second
for _ in $(seq 50); do [ "$(openstack volume show second -f value -c status)" = available ] && break; sleep 0.1; done
[ "$(ls "/var/lib/cinder/volumes/$md5/" | grep -c '^volume-')" = 2 ] || fails "not one more file for one more volume"
openstack volume service list | has cinder-volume || fails "no service"

echo "== a restart finds them again"
kill "$daemon"; wait "$daemon" || true
serve
cinder list | grep myvol | has available || fails "myvol is not there after a restart"

echo "== 2. cinder delete"
cinder delete "$id"
cinder delete second
for _ in $(seq 50); do cinder list | has -E 'myvol|second' || break; sleep 0.1; done
[ -z "$(ls "/var/lib/cinder/volumes/$md5/" | grep '^volume-' || true)" ] || fails "files are left"
! grep -q ' ERROR ' /var/log/cinder/*.log || fails "errors in the log"
echo "== done"
