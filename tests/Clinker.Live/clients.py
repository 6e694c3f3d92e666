#!/usr/bin/python3
"""Every block storage command that Debian's cinder and openstack know, once, against a clinkerd. Called by Clients.cs:

    clients.py PORT ROUTES      PORT: of an embedded clinkerd that has nothing yet; ROUTES: api/routes.txt

A command that is neither used here nor named in NOT_YET or NOT_HERE fails the run, as does one of NOT_YET whose route has come.
"""
import sys
import uuid

from client_calls import (
    check, cinder, failures, field, known, openstack, openstack_ran, refused, row, spent, until, used, volume,
)

# What has no route yet: the command, and what the line of its route will have.
NOT_YET = {
    "cinder backup-create": "/backups", "cinder backup-delete": "/backups", "cinder backup-export": "/backups",
    "cinder backup-import": "/backups", "cinder backup-list": "/backups", "cinder backup-reset-state": "/backups",
    "cinder backup-restore": "/backups", "cinder backup-show": "/backups", "cinder backup-update": "/backups",
    "cinder manage": "/os-volume-manage", "cinder manageable-list": "/manageable_volumes", "cinder unmanage": "/volumes/{id} os-unmanage",
    "cinder snapshot-manage": "/os-snapshot-manage", "cinder snapshot-manageable-list": "/manageable_snapshots",
    "cinder snapshot-unmanage": "/snapshots/{id} os-unmanage",
    "cinder migrate": "os-migrate_volume", "cinder retype": "os-retype",
    "openstack volume backup create": "/backups", "openstack volume backup delete": "/backups",
    "openstack volume backup list": "/backups", "openstack volume backup record export": "/backups",
    "openstack volume backup record import": "/backups", "openstack volume backup restore": "/backups",
    "openstack volume backup set": "/backups", "openstack volume backup show": "/backups",
    "openstack volume backup unset": "/backups",
    "openstack volume migrate": "os-migrate_volume",
}

# What needs more, or something else, than a block storage service.
NOT_HERE = {
    "openstack volume attachment create": "asks Nova for the server",
    # These fail by themselves, whatever is answered.
    "openstack block storage resource filter show": "takes a list for an iterator",
    "openstack volume group snapshot show": "calls a function that cinderclient has not",
    "openstack volume group show": "calls a function that cinderclient has not",
    "openstack volume group type show": "reads an argument that it has not",
    "cinder bash-completion": "asks for nothing", "cinder bash_completion": "asks for nothing", "cinder help": "asks for nothing",
}

# The service.
host = row(cinder("service-list"), "cinder-volume")[1]
pool = row(cinder("get-pools"), "name")[1]
check("the pool is the host's", pool.startswith(host + "#"), pool, host)
cinder("get-pools", "--detail")
cinder("get-capabilities", host)
check("the microversions", "3.71" in cinder("version-list") and "3.71" in cinder("api-version"))
cinder("list-extensions")
cinder("availability-zone-list")
cinder("list-filters")
check("volumes are filtered by status", "status" in cinder("list-filters", "--resource", "volume"))
cinder("absolute-limits")
cinder("rate-limits")
cinder("service-disable", "--reason", "a broom", host, "cinder-volume")
check("it is disabled", "a broom" in cinder("service-list", "--host", host))
cinder("service-enable", host, "cinder-volume")
cinder("freeze-host", host)
cinder("thaw-host", host)
cinder("service-set-log", "--binary", "cinder-volume", "--prefix", "cinder", "debug")
check("it logs", "cinder-volume" in cinder("service-get-log"))
cinder("work-cleanup", "--binary", "cinder-volume")
cinder("cluster-list", "--detailed")
refused(["cluster-show", "nobody"], "could not be found")
refused(["cluster-disable", "nobody"], "could not be found")
refused(["cluster-enable", "nobody"], "could not be found")
refused(["failover-host", host], "must be enabled or failed-over")  # no replication
check("two services", len(openstack("volume service list", "--long")) == 2)
openstack("volume service set", "--disable", "--disable-reason", "a broom", host, "cinder-volume")
openstack("volume service set", "--enable", host, "cinder-volume")
openstack("volume host set", "--disable", host)
openstack("volume host set", "--enable", host)
check("no clusters", openstack("block storage cluster list") == [])
refused(["block storage cluster show", "nobody"], "could not be found", openstack_ran)
refused(["block storage cluster set", "--enable", "nobody"], "could not be found", openstack_ran)
openstack("block storage resource filter list")
openstack("availability zone list", "--volume")
openstack("extension list", "--volume")
openstack("limits show", "--absolute")

# Quotas.
cinder("quota-defaults", "admin")
cinder("quota-update", "--volumes", "77", "--groups", "55", "admin")
check("the quota is kept", field(cinder("quota-show", "admin"), "volumes") == "77")
cinder("quota-usage", "admin")
cinder("quota-delete", "admin")
cinder("quota-class-update", "--snapshots", "88", "default")
check("the class is kept", field(cinder("quota-class-show", "default"), "snapshots") == "88")
cinder("quota-class-update", "--snapshots", "-1", "--volumes", "-1", "--gigabytes", "-1", "default")
cinder("quota-update", "--groups", "-1", "admin")

# Types.
cinder("type-create", "--description", "quick", "--is-public", "false", "silver")
cinder("type-key", "silver", "set", "colour=grey", "shine=dull")
cinder("type-key", "silver", "unset", "shine")
check("one key", "colour" in (specs := cinder("extra-specs-list")) and "shine" not in specs, specs)
cinder("type-list")
silver = field(cinder("type-show", "silver"), "id")
cinder("type-update", "--name", "gold", "--description", "dear", "--is-public", "true", silver)
cinder("type-update", "--is-public", "false", silver)
cinder("type-access-add", "--volume-type", "gold", "--project-id", "other")
check("access", "other" in cinder("type-access-list", "--volume-type", "gold"))
cinder("type-access-remove", "--volume-type", "gold", "--project-id", "other")
check("the default", "__DEFAULT__" in cinder("type-default"))
cinder("default-type-set", "gold", "other")
check("a project's", "other" in cinder("default-type-list"))
cinder("default-type-unset", "other")
cinder("encryption-type-create", "--cipher", "aes-xts-plain64", "--key-size", "256", "--control-location", "front-end", "gold", "luks")
cinder("encryption-type-update", "--key-size", "512", "gold")
check("encryption", "512" in cinder("encryption-type-show", "gold") and "512" in cinder("encryption-type-list"))
cinder("encryption-type-delete", "gold")
qos = field(cinder("qos-create", "slow", "consumer=front-end", "total_iops_sec=10"), "id")
cinder("qos-key", qos, "set", "total_bytes_sec=1000")
cinder("qos-key", qos, "unset", "total_iops_sec")
cinder("qos-associate", qos, silver)
check("associated", "gold" in cinder("qos-get-association", qos))
cinder("qos-disassociate", qos, silver)
cinder("qos-disassociate-all", qos)
check("its keys", "total_bytes_sec" in cinder("qos-show", qos))
cinder("qos-list")
cinder("qos-delete", qos)
cinder("type-delete", "gold")
openstack("volume type create", "--description", "quick", "--private", "--property", "colour=grey",
          "--encryption-provider", "luks", "bronze")
openstack("volume type set", "--name", "brass", "--property", "shine=dull", "--encryption-key-size", "128", "bronze")
openstack("volume type unset", "--property", "shine", "--encryption-type", "brass")
check("one key", openstack("volume type show", "brass")["properties"] == {"colour": "grey"})
openstack("volume type list", "--long", "--encryption-type")
openstack("volume qos create", "--consumer", "back-end", "--property", "iops=1", "fast")
openstack("volume qos set", "--property", "bytes=2", "fast")
openstack("volume qos unset", "--property", "iops", "fast")
openstack("volume qos associate", "fast", "brass")
check("associated", openstack("volume qos show", "fast")["associations"] == ["brass"])
openstack("volume qos disassociate", "--volume-type", "brass", "fast")
openstack("volume qos list")
openstack("volume qos delete", "fast")
openstack("volume type delete", "brass")

# Volumes.
one = volume("one", "--description", "the first", "--metadata", "a=1", "b=2")
cinder("metadata", "one", "set", "c=3")
cinder("metadata", "one", "unset", "a")
check("metadata", "b" in (shown := cinder("metadata-show", "one")) and "a" not in row(shown, "a"), shown)
cinder("metadata-update-all", "one", "d=4")
cinder("image-metadata", "one", "set", "os=linux")
check("image metadata", field(cinder("image-metadata-show", "one"), "os") == "linux")
cinder("image-metadata", "one", "unset", "os=linux")
cinder("set-bootable", "one", "true")
cinder("readonly-mode-update", "one", "true")
shown = cinder("show", "one")
check("bootable, read-only", field(shown, "bootable") == "true" and field(shown, "readonly") == "True", shown)
cinder("readonly-mode-update", "one", "false")
cinder("rename", "--description", "renamed", "one", "uno")
cinder("rename", "uno", "one")
cinder("extend", "one", "2")
refused(["upload-to-image", "one", "image"], "No image service is configured")
refused(["reimage", "one", str(uuid.uuid4())], "No image service is configured")
until("volume", "one")
check("it has grown", field(cinder("show", "one"), "size") == "2")
cinder("reset-state", "--state", "error", "one")
cinder("reset-state", "--state", "available", "--attach-status", "detached", "--reset-migration-status", "one")
clone = volume("clone", "--source-volid", one, size=None)
check("a list", row(cinder("list", "--name", "clone", "--with-count"), clone))
check("no more of them", not row(cinder("list", "--filters", "name=clone"), one))
check("two volumes", field(shown := cinder("summary"), "total_count") == "2", shown)
shown = openstack("volume create", "--size", "1", "--description", "of openstack", "--property", "e=5", "--bootable", "--read-only", "two")
until("volume", "two")
openstack("volume set", "--name", "zwei", "--property", "f=6", "--image-property", "os=bsd", "--read-write", "--non-bootable", "two")
openstack("volume set", "--size", "2", "zwei")
until("volume", "zwei")
openstack("volume set", "--state", "error", "zwei")
openstack("volume set", "--state", "available", "--detached", "zwei")
openstack("volume unset", "--property", "e", "--image-property", "os", "zwei")
shown = openstack("volume show", "zwei")
check("as it was set", shown["size"] == 2 and shown["properties"].get("f") == "6" and "e" not in shown["properties"], shown)
check("three volumes", len(openstack("volume list", "--long", "--all-projects")) == 3)

# Snapshots.
snap = field(cinder("snapshot-create", "--name", "snap", "--metadata", "a=1", "--description", "of one", "one"), "id")
until("volume snapshot", "snap")
cinder("snapshot-metadata", "snap", "set", "b=2")
cinder("snapshot-metadata", "snap", "unset", "a")
cinder("snapshot-metadata-update-all", "snap", "c=3")
check("its metadata", field(cinder("snapshot-metadata-show", "snap"), "c") == "3")
cinder("snapshot-rename", "--description", "renamed", "snap", "foto")
cinder("snapshot-reset-state", "--state", "error", "foto")
cinder("snapshot-reset-state", "--state", "available", "foto")
check("it is renamed", field(cinder("snapshot-show", snap), "name") == "foto")
check("a list of one", row(cinder("snapshot-list", "--volume-id", one), snap))
volume("from", "--snapshot-id", snap, size=None)
cinder("revert-to-snapshot", "foto")
until("volume", "one")
until("volume snapshot", "foto")
cinder("snapshot-delete", "foto")
until("volume snapshot", "foto", "gone")
# From 3.66 on only a force that is true is accepted, and the command always sends one.
openstack("volume snapshot create", "--force", "--volume", "zwei", "--description", "of zwei", "--property", "a=1", "shot")
until("volume snapshot", "shot")
openstack("volume snapshot set", "--name", "bild", "--property", "b=2", "--state", "available", "shot")
openstack("volume snapshot unset", "--property", "a", "bild")
check("its metadata", openstack("volume snapshot show", "bild")["properties"] == {"b": "2"})
check("a list", len(openstack("volume snapshot list", "--long", "--volume", "zwei")) == 1)
openstack("volume snapshot delete", "bild")
until("volume snapshot", "bild", "gone")

# Attachments.
server = str(uuid.uuid4())
made = cinder("attachment-create", "one", server)
attachment = field(made, "id")
cinder("attachment-update", "--initiator", "iqn.2026-01.org.example:a", "--ip", "127.0.0.1", "--host", "guest", attachment)
cinder("attachment-complete", attachment)
check("it is attached", field(cinder("attachment-show", attachment), "status") == "attached")
check("it is in use", row(cinder("list"), one)[1] == "in-use")
check("a list", row(cinder("attachment-list", "--volume-id", one), attachment))
openstack("volume attachment show", attachment)
check("a list", len(openstack("volume attachment list")) == 1)
cinder("attachment-delete", attachment)
until("volume", "one")
attachment = field(cinder("attachment-create", "one", server), "id")
openstack("volume attachment set", "--host", "guest", "--ip", "127.0.0.1", "--initiator", "iqn.2026-01.org.example:a", attachment)
openstack("volume attachment complete", attachment)
openstack("volume attachment delete", attachment)
until("volume", "one")

# Transfers.
made = cinder("transfer-create", "--name", "gift", "one")
gift = field(made, "id")
check("a list", row(cinder("transfer-list"), gift))
cinder("transfer-show", gift)
cinder("transfer-accept", gift, field(made, "auth_key"))
cinder("transfer-create", "--name", "back", "--no-snapshots", "one")
cinder("transfer-delete", "back")
made = openstack("volume transfer request create", "--name", "gift", "one")
check("a list", len(openstack("volume transfer request list")) == 1)
openstack("volume transfer request show", made["id"])
openstack("volume transfer request accept", "--auth-key", made["auth_key"], made["id"])
made = openstack("volume transfer request create", "one")
openstack("volume transfer request delete", made["id"])

# Deleting, and messages of what fails.
cinder("delete", "from")
cinder("force-delete", "clone")
cinder("snapshot-create", "--name", "last", "one")
until("volume snapshot", "last")
cinder("delete", "--cascade", "one")
openstack("volume delete", "zwei")
for name in ("from", "clone", "one", "zwei"):
    until("volume", name, "gone")
cinder("type-create", "nowhere")
cinder("type-key", "nowhere", "set", "volume_backend_name=nowhere")
for name in ("lost", "lost2"):
    cinder("create", "--name", name, "--volume-type", "nowhere", "1")
    until("volume", name, "error")
messages = openstack("volume message list")
check("a message for each", len(messages) == 2, messages)
cinder("message-list", "--level", "ERROR")
cinder("message-show", messages[0]["ID"])
cinder("message-delete", messages[0]["ID"])
openstack("volume message show", messages[1]["ID"])
openstack("volume message delete", messages[1]["ID"])
cinder("delete", "lost", "lost2")
for name in ("lost", "lost2"):
    until("volume", name, "gone")
cinder("type-delete", "nowhere")

# Groups.
refused(["group-type-default"], "Default group type can not be found")
gtype = row(cinder("group-type-create", "--description", "together", "bunch"), "bunch")[0]
cinder("group-type-key", "bunch", "set", "consistent_group_snapshot_enabled=<is> True", "x=y")
cinder("group-type-key", "bunch", "unset", "x")
check("its specs", "consistent_group_snapshot_enabled" in cinder("group-specs-list"))
cinder("group-type-update", "--name", "bouquet", "--description", "nice", gtype)
cinder("group-type-show", "bouquet")
cinder("group-type-list")
group = field(cinder("group-create", "--name", "posy", "bouquet", "__DEFAULT__"), "id")
until("volume group", "posy")
rose = volume("rose", "--group-id", group, "--volume-type", "__DEFAULT__")
tulip = volume("tulip")
cinder("group-update", "--name", "posy", "--description", "of flowers", "--add-volumes", tulip, "posy")
until("volume group", "posy")
check("both are in it", tulip in (shown := cinder("group-show", "--list-volume", "true", "posy")) and rose in shown, shown)
cinder("group-update", "--remove-volumes", tulip, "posy")
until("volume group", "posy")
check("a list", row(cinder("group-list"), group))
gsnap = field(cinder("group-snapshot-create", "--name", "herbarium", "posy"), "id")
until("volume group snapshot", "herbarium")
check("a list", row(cinder("group-snapshot-list"), gsnap))
cinder("group-snapshot-show", "herbarium")
cinder("group-create-from-src", "--group-snapshot", gsnap, "--name", "dried")
until("volume group", "dried")
cinder("reset-state", "--type", "group", "--state", "available", "dried")
cinder("reset-state", "--type", "group-snapshot", "--state", "available", gsnap)
cinder("group-delete", "--delete-volumes", "dried")
until("volume group", "dried", "gone")
cinder("group-snapshot-delete", "herbarium")
until("volume group snapshot", "herbarium", "gone")
for command in ("group-enable-replication", "group-disable-replication", "group-failover-replication", "group-list-replication-targets"):
    refused([command, "posy"], "replication")
cinder("group-delete", "--delete-volumes", "posy")
cinder("delete", tulip)
until("volume group", "posy", "gone")
cinder("group-type-delete", "bouquet")
openstack("volume group type create", "--description", "together", "bunch")
openstack("volume group type set", "--name", "bouquet", "--property", "x=y", "bunch")
check("two", len(openstack("volume group type list")) == 2)
posy = openstack("volume group create", "--name", "posy", "bouquet", "__DEFAULT__")["ID"]
until("volume group", "posy")
openstack("volume group set", "--description", "of flowers", "posy")
until("volume group", "posy")
openstack("volume group list")
volume("rose", "--group-id", posy, "--volume-type", "__DEFAULT__")
openstack("volume group snapshot create", "--name", "herbarium", "posy")
until("volume group snapshot", "herbarium")
openstack("volume group snapshot list")
openstack("volume group snapshot delete", "herbarium")
until("volume group snapshot", "herbarium", "gone")
refused(["volume group failover", "posy"], "replication", openstack_ran)
openstack("volume group delete", "--force", "posy")
until("volume group", "posy", "gone")
openstack("volume group type delete", "bouquet")

# Consistency groups, the older groups.
cg = field(cinder("consisgroup-create", "--name", "choir", "__DEFAULT__"), "id")
until("consistency group", "choir")
alto, bass = volume("alto", "--consisgroup-id", cg, "--volume-type", "__DEFAULT__"), volume("bass")
cinder("consisgroup-update", "--description", "of voices", "--add-volumes", bass, "choir")
until("consistency group", "choir")
check("a list", row(cinder("consisgroup-list"), cg))
cinder("consisgroup-show", "choir")
cgsnap = field(cinder("cgsnapshot-create", "--name", "record", "choir"), "id")
until("consistency group snapshot", "record")
check("a list", row(cinder("cgsnapshot-list"), cgsnap))
cinder("cgsnapshot-show", "record")
cinder("consisgroup-create-from-src", "--cgsnapshot", cgsnap, "--name", "echo")
until("consistency group", "echo")
cinder("cgsnapshot-delete", "record")
until("consistency group snapshot", "record", "gone")
cinder("consisgroup-delete", "--force", "echo")
until("consistency group", "echo", "gone")
openstack("consistency group remove volume", "choir", bass)
until("consistency group", "choir")
openstack("consistency group add volume", "choir", bass)
until("consistency group", "choir")
openstack("consistency group set", "--name", "band", "choir")
openstack("consistency group show", "band")
openstack("consistency group list", "--long")
openstack("consistency group snapshot create", "--consistency-group", "band", "tape")
until("consistency group snapshot", "tape")
openstack("consistency group snapshot list", "--long")
openstack("consistency group snapshot show", "tape")
openstack("consistency group snapshot delete", "tape")
until("consistency group snapshot", "tape", "gone")
openstack("consistency group create", "--volume-type", "__DEFAULT__", "duo")
until("consistency group", "duo")
openstack("consistency group delete", "duo")
openstack("consistency group delete", "--force", "band")
until("consistency group", "band", "gone")
until("consistency group", "duo", "gone")
check("nothing is left", openstack("volume list", "--all-projects") == [])

routes = " ".join(open(sys.argv[2], encoding="utf-8").read().split())
missed = known - used - NOT_YET.keys() - NOT_HERE.keys()
check("every command is used, or named with a reason", not missed, sorted(missed))
come = [c for c, route in NOT_YET.items() if f"{route} " in routes]
check("what stands in NOT_YET has no route", not come, come)
check("what is named with a reason is not used", not (NOT_YET.keys() | NOT_HERE.keys()) & used)
print(f"{len(spent)} lines of {len(used)} commands in {sum(spent):.1f} s; {len(NOT_YET)} commands not yet; {len(failures)} failures")
if failures:
    sys.exit("\n".join(failures))
