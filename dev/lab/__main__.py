"""The lab's command line: `python -m dev.lab --help`."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dev import releases
from dev.lab import packages
from dev.lab.hosts import Host, Lab
from dev.lab.slots import DEFAULT_LAB
from dev.lab.storage import image
from dev.lab.system import LabError

CHECKOUT = Path(__file__).parents[2]


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def up(args: argparse.Namespace) -> None:
    """Build what is missing, start hosts and the release server, link `.lab`."""
    lacking = packages.missing()
    if args.install and lacking and not packages.unfit():
        say(f"Installing the system packages {' '.join(lacking)} …")
        packages.install(lacking)
    start = time.monotonic()
    lab = Lab.open(args.lab)
    for line in Lab.sweep():
        say(line)
    with ThreadPoolExecutor(2) as pool:  # one waits for downloads, the other for the compiler
        for built in [pool.submit(_build, image.ensure), pool.submit(_build, releases.ensure, args.etcd)]:
            built.result()
    starting = time.monotonic()
    hosts = lab.start(args.count, say)
    for host in hosts:
        say(f"{host.name}  {host.address}  {host.address6}")
    if args.lab == DEFAULT_LAB:
        lab.link(CHECKOUT)
    taken = time.monotonic()
    say(f"lab {lab.name}: {len(hosts)} hosts on, in {taken - starting:.1f} s; all in {taken - start:.1f} s")


def _build(ensure: Callable[..., Path], *args: str) -> None:
    """Have something built, and say how long it took when it was."""
    start = time.monotonic()
    lines: list[str] = []

    def note(line: str) -> None:
        lines.append(line)
        say(line)

    made = ensure(*args, say=note)
    if lines:
        say(f"{made.name} built in {time.monotonic() - start:.0f} s")


def down(args: argparse.Namespace) -> None:
    """Power all hosts off; their disks stay."""
    Lab.open(args.lab).stop()


def destroy(args: argparse.Namespace) -> None:
    """Power all hosts off and delete their disks."""
    Lab.open(args.lab).destroy()
    link = CHECKOUT / ".lab"
    if args.lab == DEFAULT_LAB and link.is_symlink():
        link.unlink()


def status(args: argparse.Namespace) -> None:
    """Print each host and whether it is on."""
    lab = Lab.open(args.lab)
    say(f"lab {lab.name}  slot {lab.slot.number}  {lab.addresses.network}  releases {lab.releases_url}")
    for host in lab.hosts:
        say(f"{host.name}  {host.address}  {host.address6}  {'on' if host.is_running() else 'off'}")


def sweep(_args: argparse.Namespace) -> None:
    """Remove what killed runs left behind."""
    packages.require()
    for line in Lab.sweep():
        say(line)


def packages_command(args: argparse.Namespace) -> None:
    """Name the missing system packages; install them when asked to."""
    if (reason := packages.unfit()) is not None:
        raise LabError(reason)
    lacking = packages.missing()
    if lacking:
        say(f"missing system packages: {' '.join(lacking)}")
    if lacking and not args.install:
        raise SystemExit(1)
    packages.install(lacking)


def build_release(args: argparse.Namespace) -> None:
    """Build etcd releases and print where the archives are."""
    for version in args.versions:
        say(str(releases.ensure(version)))


def ssh(args: argparse.Namespace) -> None:
    """Open an ssh session."""
    command = Lab.open(args.lab).host(args.host).ssh_command(args.user)
    os.execvp(command[0], [*command, *args.command])


def enter(args: argparse.Namespace) -> None:
    """Run a command inside a host without ssh."""
    words = [*Lab.open(args.lab).host(args.host).enter_command(), *(args.command or ["bash", "-l"])]
    os.execvp(words[0], words)


Verb = tuple[str, dict[str, type], Callable[..., object]]

HOST_VERBS: dict[str, Verb] = {
    "start": ("power on", {}, Host.start),
    "stop": ("shut down cleanly", {}, Host.stop),
    "kill": ("power off hard", {}, Host.kill),
    "reboot": ("reboot from inside", {}, Host.reboot),
    "reset": ("throw the disks away; the host must be off", {}, Host.reset),
    "cut": ("pull the network cable", {}, Host.cut),
    "heal": ("plug it in", {}, Host.heal),
    "mute": ("link stays up, frames vanish", {}, Host.mute),
    "unmute": ("frames pass again", {}, Host.unmute),
    "freeze": ("hang the whole host", {}, Host.freeze),
    "thaw": ("let it run on", {}, Host.thaw),
    "delay": ("hold frames, drop some, each way", {"ms": float, "loss_percent": float}, Host.delay),
    "undelay": ("direct cable again", {}, Host.undelay),
    "disk": ("add a disk", {"path": str, "megabytes": int}, Host.disk),
    "undisk": ("take it away for good", {"path": str}, Host.undisk),
    "mount": ("mount a disk, now and at boot", {"path": str}, Host.mount),
    "unmount": ("unmount it now", {"path": str}, Host.unmount),
    "forget-mount": ("not mounted at the next boot", {"path": str}, Host.forget_mount),
    "fill": ("fill a disk", {"path": str, "leave_kb": int}, Host.fill),
    "unfill": ("free it again", {"path": str}, Host.unfill),
    "remount-ro": ("turn a disk read-only", {"path": str}, Host.remount_ro),
    "skew": ("shift the clock of new services and sessions", {"seconds": int}, Host.skew),
    "unskew": ("true time again", {}, Host.unskew),
    "skew-process": ("shift the clock of a running process", {"seconds": int, "pid": int}, Host.skew_process),
}
"""Each command on one host: its help, its further arguments, what it calls."""


def host_verb(args: argparse.Namespace) -> None:
    """Run one of `HOST_VERBS`."""
    _, parameters, call = HOST_VERBS[args.verb]
    given = {name: getattr(args, name) for name in parameters}
    call(Lab.open(args.lab).host(args.host), **{name: value for name, value in given.items() if value is not None})


def block(args: argparse.Namespace) -> None:
    """Drop what two hosts send each other."""
    Lab.open(args.lab).block(args.one, args.other)


def unblock(args: argparse.Namespace) -> None:
    """Remove all blocks."""
    Lab.open(args.lab).unblock()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(prog="python -m dev.lab", description="Real Debian hosts on this machine")
    top.add_argument("--lab", default=DEFAULT_LAB, metavar="NAME", help="which lab (default: %(default)s)")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def add(name: str, call: Callable[[argparse.Namespace], None], text: str | None = None) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text or (call.__doc__ or "").rstrip("."))
        verb.set_defaults(call=call)
        return verb

    start = add("up", up)
    start.add_argument("count", nargs="?", type=int, default=3, help="how many hosts (default: %(default)s)")
    start.add_argument("--etcd", default=releases.DEFAULT_VERSION, help="etcd version to serve (default: %(default)s)")
    start.add_argument("--install", action="store_true", help="install missing system packages, after naming them")
    for name, call in (("down", down), ("destroy", destroy), ("status", status), ("sweep", sweep)):
        add(name, call)
    add("packages", packages_command).add_argument("--install", action="store_true", help="install them through apt")
    add("release", build_release).add_argument("versions", nargs="+", metavar="VERSION")
    shell = add("ssh", ssh)
    shell.add_argument("--user", default="root", help="root, ops (may sudo) or plain (default: %(default)s)")
    for verb in (shell, add("enter", enter)):
        verb.add_argument("host")
        verb.add_argument("command", nargs=argparse.REMAINDER)
    for name, (text, parameters, _) in HOST_VERBS.items():
        verb = add(name, host_verb, text)
        verb.add_argument("host")
        for parameter, kind in parameters.items():
            optional = parameter in ("loss_percent", "leave_kb")
            verb.add_argument(parameter, type=kind, nargs="?" if optional else None)
    pair = add("block", block)
    pair.add_argument("one")
    pair.add_argument("other")
    add("unblock", unblock)
    return top


def main(argv: list[str]) -> int:
    """Run one command. Returns the exit status; an error is one message on standard error."""
    args = parser().parse_args(argv)
    try:
        args.call(args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
