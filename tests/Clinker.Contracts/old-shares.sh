#!/usr/bin/env bash
# What Cinder's GlusterFS driver left on shares, release by release, made as it made it. Usage: old-shares.sh DIRECTORY
# A volume was written to in epochs: after epoch N there is N at 10*N MiB, and N at 500 MiB.
set -euo pipefail
cd "$1"

v() { printf 'volume-%08d-0000-4000-8000-000000000000' "$1"; }
s() { printf '%08d-0000-4000-8000-%012d' "$1" "$2"; }
file() { echo "$(v "$1").$(s "$1" "$2")"; }
epoch() { qemu-io -f "$2" -c "write -q -P $3 $((10 * $3))M 64k" -c "write -q -P $3 500M 64k" "$1"; }
raw() { truncate -s 1G "$1"; }
thin() { qemu-img create -q -f qcow2 -o preallocation=metadata "$1" 1G; }
# snapshot VOLUME ACTIVE FORMAT NEW: as the driver ran it, first with the whole path, then with the name alone.
overlay() {
  qemu-img create -q -f qcow2 -o "backing_file=$PWD/$1,backing_fmt=$2" "$3" 1G
  qemu-img rebase -u -b "$1" -F "$2" "$3"
}
info() { printf '%s' "$2" >"$(v "$1").info"; }
commit() { qemu-img commit -q -d -f qcow2 "$1"; rm "$1"; }

# 1 Grizzly: raw, sparse.
raw "$(v 1)"; epoch "$(v 1)" raw 1
# 2 Havana: qcow2 on request, of the first version.
qemu-img create -q -f qcow2 -o compat=0.10 "$(v 2)" 1G; epoch "$(v 2)" qcow2 1
# 3 Liberty: thin is qcow2 with its tables laid out. 4: thick.
thin "$(v 3)"; epoch "$(v 3)" qcow2 1
fallocate -l 1G "$(v 4)" || raw "$(v 4)"; epoch "$(v 4)" raw 1

# 5 Havana: two snapshots of a raw volume. 6: of a qcow2 one.
chain() { # VOLUME FORMAT
  epoch "$(v "$1")" "$2" 1
  overlay "$(v "$1")" "$2" "$(file "$1" 1)"; epoch "$(file "$1" 1)" qcow2 2
  overlay "$(file "$1" 1)" qcow2 "$(file "$1" 2)"; epoch "$(file "$1" 2)" qcow2 3
  info "$1" "{
 \"$(s "$1" 1)\": \"$(file "$1" 1)\",
 \"$(s "$1" 2)\": \"$(file "$1" 2)\",
 \"active\": \"$(file "$1" 2)\"
}"
}
raw "$(v 5)"; chain 5 raw
thin "$(v 6)"; chain 6 qcow2

# 7 Early Havana: images name the file under them by its whole path, on a mount that is no more, and do not say its format.
raw "$(v 7)"; chain 7 raw
early() { # IMAGE UNDER
  qemu-img rebase -u -b "/var/lib/cinder/mnt/0123456789abcdef0123456789abcdef/$2" -F raw "$1"
  local at; at=$(LC_ALL=C grep -obUaP '\xe2\x79\x2a\xca' "$1" | head -1 | cut -d: -f1)
  printf '\x11\x22\x33\x44' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none # an extension that nobody knows
}
early "$(file 7 1)" "$(v 7)"
early "$(file 7 2)" "$(file 7 1)"

# 8 The middle one of three snapshots was deleted: put into the file under it, and the one above had its name changed.
thin "$(v 8)"; chain 8 qcow2
overlay "$(file 8 2)" qcow2 "$(file 8 3)"; epoch "$(file 8 3)" qcow2 4
commit "$(file 8 2)"; qemu-img rebase -u -b "$(file 8 1)" -F qcow2 "$(file 8 3)"
info 8 "{\"active\": \"$(file 8 3)\", \"$(s 8 1)\": \"$(file 8 1)\", \"$(s 8 3)\": \"$(file 8 3)\"}"

# 9 All snapshots were deleted.
raw "$(v 9)"; epoch "$(v 9)" raw 1; overlay "$(v 9)" raw "$(file 9 1)"; epoch "$(file 9 1)" qcow2 2; commit "$(file 9 1)"
info 9 "{\"active\": \"$(v 9)\"}"

# 10 The only snapshot was deleted in use: all was pulled into the active file, and the first file is gone. 11: and another one was taken.
pulled() {
  raw "$(v "$1")"; epoch "$(v "$1")" raw 1; overlay "$(v "$1")" raw "$(file "$1" 1)"; epoch "$(file "$1" 1)" qcow2 2
  qemu-img rebase -q -f qcow2 -b "" "$(file "$1" 1)"
  info "$1" "{\"active\": \"$(file "$1" 1)\"}"
}
pulled 10; rm "$(v 10)"
pulled 11; rm "$(v 11)"
overlay "$(file 11 1)" qcow2 "$(file 11 2)"; epoch "$(file 11 2)" qcow2 3
info 11 "{\"active\": \"$(file 11 2)\", \"$(s 11 2)\": \"$(file 11 2)\"}"
# 12 As 10, but the first file could not be removed.
pulled 12

# 13 The newest of two snapshots was deleted in use: the file under the active one was pulled into that, and the older snapshot is its now.
raw "$(v 13)"; chain 13 raw
qemu-img rebase -q -f qcow2 -b "$(v 13)" -F raw "$(file 13 2)"; rm "$(file 13 1)"
info 13 "{\"active\": \"$(file 13 2)\", \"$(s 13 1)\": \"$(file 13 2)\"}"

# 14 The driver died while it made a clone: its temporary snapshot is still there.
raw "$(v 14)"; epoch "$(v 14)" raw 1
overlay "$(v 14)" raw "$(v 14).tmp-snap-$(s 99 1)"; epoch "$(v 14).tmp-snap-$(s 99 1)" qcow2 2
info 14 "{\"active\": \"$(v 14).tmp-snap-$(s 99 1)\", \"tmp-snap-$(s 99 1)\": \"$(v 14).tmp-snap-$(s 99 1)\"}"

# 15 A snapshot in use that Nova refused: its overlay is there, and nothing uses it.
raw "$(v 15)"; epoch "$(v 15)" raw 1; overlay "$(v 15)" raw "$(file 15 1)"

# 16 An empty .info.
raw "$(v 16)"; epoch "$(v 16)" raw 1; info 16 ""

# 17 A volume that was extended after its snapshot.
raw "$(v 17)"; epoch "$(v 17)" raw 1; overlay "$(v 17)" raw "$(file 17 1)"; epoch "$(file 17 1)" qcow2 2
qemu-img resize -q -f qcow2 "$(file 17 1)" 2G
info 17 "{\"active\": \"$(file 17 1)\", \"$(s 17 1)\": \"$(file 17 1)\"}"

chmod a+rw volume-*
