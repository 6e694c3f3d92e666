"""What clients.py calls the clients by; importing it starts openstack's shell on the port that is the script's first argument."""
import collections
import contextlib
import io
import json
import logging
import os
import re
import sys
import time
import urllib.request
from importlib.metadata import entry_points

port = sys.argv[1]
os.environ.update(OS_AUTH_TYPE="none", OS_ENDPOINT=f"http://127.0.0.1:{port}/v3/admin", OS_VOLUME_API_VERSION="3.70")
CINDER = dict(OS_AUTH_TYPE="noauth", OS_PROJECT_ID="admin", CINDER_ENDPOINT=f"http://127.0.0.1:{port}/v3")
PATIENCE = 60  # seconds

from cinderclient import api_versions  # noqa: E402
from cinderclient.shell import OpenStackCinderShell  # noqa: E402
from openstackclient.shell import OpenStackShell  # noqa: E402

# The commands that were used; what failed, each with what was said; seconds of each line.
used, failures, spent = set(), [], []


def ran(name, line, run):
    """What it prints; what it says on failure is among it, the second value is whether it succeeded."""
    began = time.monotonic()
    with printed() as (out, err):
        try:
            good = run() in (0, None)
        except SystemExit as e:
            good = e.code in (0, None)
        except Exception as e:  # as cinder's own main, which prints it and exits with 1
            good = False
            print(f"{type(e).__name__}: {e}", file=err)
    used.add(name)
    spent.append(time.monotonic() - began)
    print(f"{'ok  ' if good else 'FAIL'} {spent[-1]:5.2f} {line}", flush=True)
    return out.getvalue() if good else out.getvalue() + err.getvalue(), good


@contextlib.contextmanager
def printed():
    """Catches what is printed; openstack has taken hold of the streams at its start."""
    out, err = io.StringIO(), io.StringIO()
    for handler in logging.getLogger().handlers:
        handler.setStream(err)
    shell.stdout, shell.stderr = out, err
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def cinder(*words):
    text, good = cinder_ran(words)
    if not good:
        failed(f"cinder {' '.join(words)}", text)
    return text


def cinder_ran(words):
    with of_cinder():
        return ran(f"cinder {words[0]}", f"cinder {' '.join(words)}", lambda: OpenStackCinderShell().main(list(words)))


@contextlib.contextmanager
def of_cinder():
    """Its environment, which openstack must not see."""
    os.environ.update(CINDER)
    try:
        yield
    finally:
        os.environ.update(OS_AUTH_TYPE="none")
        del os.environ["OS_PROJECT_ID"], os.environ["CINDER_ENDPOINT"]


def openstack(command, *words):
    """In one shell, as the interactive one runs what is typed. What is printed, read as JSON where the command can print that."""
    text, good = openstack_ran(command, words)
    if not good:
        failed(f"openstack {command} {' '.join(words)}", text)
    return text if command not in PRINTING else json.loads(text) if good else collections.defaultdict(str)


def openstack_ran(command, words):
    form = ["-f", "json"] if command in PRINTING else []
    return ran(f"openstack {command}", f"openstack {command} {' '.join(words)}",
               lambda: shell.run_subcommand([*command.split(), *form, *words]))


def failed(line, text):
    failures.append(f"{line}\n    {text.strip()[-600:]}")


def refused(words, says, client=cinder_ran):
    """A command that can't succeed here: it has to fail with these words."""
    text, good = client(words) if client is cinder_ran else client(words[0], words[1:])
    if good or says not in text:
        failed(f"{' '.join(words)} is to be refused: {says}", text)


def check(what, good, *seen):
    if not good:
        failed(f"-> {what}", " ".join(str(s) for s in seen))


def field(table, name):
    """The value in a two-column table of cinder."""
    found = re.search(rf"^\|\s*{re.escape(name)}\s*\|\s*(.*?)\s*\|$", table, re.M)
    return found[1] if found else f"no {name}"


def row(table, word):
    """The cells of the line that has this word."""
    for line in table.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if word in cells:
            return cells
    return []


PATHS = {
    "volume": "volumes", "volume snapshot": "snapshots", "volume group": "groups", "volume group snapshot": "group_snapshots",
    "volume backup": "backups",
    "consistency group": "consistencygroups", "consistency group snapshot": "cgsnapshots",
}


def until(kind, name, status="available"):
    """Waits for a status ("gone": that nothing has the name)."""
    path, began = PATHS[kind], time.monotonic()
    request = urllib.request.Request(f"{os.environ['OS_ENDPOINT']}/{path}/detail", headers={"OpenStack-API-Version": "volume 3.70"})
    while True:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            now = next((x["status"] for x in json.load(answer)[path] if x["name"] == name), "gone")
        if now == status:
            return
        if now in ("error", "gone") or time.monotonic() - began > PATIENCE:
            return failed(f"{kind} {name}", f"is {now}, not {status}")
        time.sleep(0.02)


def volume(name, *options, size="1"):
    made = field(cinder("create", "--name", name, *options, *([size] if size else [])), "id")
    until("volume", name)
    return made


# The commands of openstack that print JSON; all block storage commands of both.
PRINTING, known = set(), set()
for entry in entry_points().select(group="openstack.volume.v3"):
    name = entry.name.replace("_", " ")
    known.add(f"openstack {name}")
    if {"ShowOne", "Lister"} & {c.__name__ for c in entry.load().__mro__}:
        PRINTING.add(name)
PRINTING |= {"availability zone list", "extension list", "limits show"}
logging.disable(logging.INFO)
shell = OpenStackShell()
with printed():
    assert shell.run(["volume", "list"]) == 0
with of_cinder():
    parser = OpenStackCinderShell()
    parser.get_subcommand_parser(api_versions.APIVersion("3.70"), input_args=["list"])
known |= {f"cinder {c}" for c in parser.subcommands}
