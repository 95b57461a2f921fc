"""Checks of etcd's options against the other settings: ports, directories, keys of certificates, other nodes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from etcd_cluster.settings import locations
from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.options import names, restricted, tls
from etcd_cluster.settings.options.restricted import UNIFORM
from etcd_cluster.settings.options.table import OPTIONS, newest
from etcd_cluster.settings.options.values import OUTPUTS, URL_LISTENERS, Url, urls
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, format_key, invalid

Found = Iterator[SettingProblem]


@dataclass(frozen=True)
class Place:
    """Options set at one place, `own`, and `all` in effect there; `node` is None for those of all nodes."""

    settings: Settings
    key: Path
    own: Mapping[str, str]
    all: Mapping[str, str]
    node: str | None

    def problem(
        self, name: str, expected: str, why: str, action: str, involves: tuple[Path, ...] = ()
    ) -> SettingProblem:
        """Return a problem with one of the options set here."""
        key = (*self.key, name)
        return invalid(key, display_value(key, self.own[name]), expected, why, action, involves)


def _places(settings: Settings) -> Iterator[Place]:
    yield Place(settings, ("etcd",), settings.etcd, settings.etcd, None)
    for name, node in settings.nodes.items():
        own = {option: value for option, value in node.etcd.items() if option not in UNIFORM}
        yield Place(settings, ("nodes", name, "etcd"), own, {**settings.etcd, **own}, name)


def check_options(settings: Settings) -> Found:
    """Yield what is wrong with etcd's options, those for all nodes and those of one."""
    yield from _allowance(settings)
    for place in _places(settings):
        found = []
        if place.node is not None:
            found += names.check_node(settings.nodes[place.node].etcd, place.key)
        timing = place.node is None
        found += names.check(place.all, place.key, settings.version, place.own, timing=timing)
        wrong = {problem.key[-1] for problem in found}
        sound = {name: value for name, value in place.own.items() if name not in wrong and name in OPTIONS}
        place = Place(settings, place.key, sound, place.all, place.node)
        found += tls.check(place.all, place.key, place.own, settings.certificates.algorithm)
        for check in (_unsafe, _listeners, _logs):
            found += check(place)
        yield from found


def warnings(settings: Settings) -> Iterator[str]:
    """Yield what to say about options that work."""
    for place in _places(settings):
        yield from names.warnings(place.own, place.key, settings.version)
        where = format_key((*place.key, "cipher-suites"))
        if "cipher-suites" in place.own:
            for warning in tls.warnings(place.all, settings.certificates.algorithm):
                yield f"{where}: {warning}"
        for name, risk in restricted.unsafe(place.own, newest).items():
            yield f"{format_key((*place.key, name))}: UNSAFE, and allowed by {restricted.ALLOW}: {risk.why}"
        files = [each for each in place.own.get("log-outputs", "stderr").split(",") if each not in OUTPUTS]
        if files == place.own.get("log-outputs", "stderr").split(","):
            yield (
                f"{format_key((*place.key, 'log-outputs'))}: nothing goes to the journal, so no message of this program"
                " can say why etcd does not start. Add stderr."
            )


def _allowance(settings: Settings) -> Found:
    known = sorted(restricted.UNSAFE)
    for index, name in enumerate(settings.allow_unsafe_etcd_options):
        if newest(name) not in known:
            key = (restricted.ALLOW, f"[{index}]")
            why = "Only these have unsafe values."
            yield invalid(key, display_value(key, name), ", ".join(known), why, "Correct the name, or remove it.")


def _unsafe(place: Place) -> Found:
    allowed = {newest(name) for name in place.settings.allow_unsafe_etcd_options}
    for name, risk in restricted.unsafe(place.own, newest).items():
        if newest(name) not in allowed:
            do = f"To use it nevertheless, name {name} in {restricted.ALLOW}."
            yield place.problem(name, risk.allowed, risk.why, do, ((restricted.ALLOW,),))


def _listeners(place: Place) -> Found:
    settings = place.settings
    taken: dict[int, tuple[str, Path]] = {
        settings.client_port: ("client_port", ("client_port",)),
        settings.peer_port: ("peer_port", ("peer_port",)),
    }
    for name, node in settings.nodes.items():
        if place.node in (None, name):
            taken.setdefault(node.ssh.port or settings.ssh.port, ("the SSH port", ("ssh", "port")))
    others: dict[int, str] = {}
    for option in sorted(URL_LISTENERS & place.all.keys()):
        for each in urls(place.all[option]):
            if option in place.own and each.port in taken:
                what, key = taken[each.port]
                why = f"Only one can listen on {each.port}, which is {what}."
                yield place.problem(option, "a port of its own", why, "Choose another port.", (key,))
                break
            if option in place.own and others.setdefault(each.port, option) != option:
                why = f"Only one can listen on {each.port}, which is a port of {others[each.port]} too."
                yield place.problem(option, "a port of its own", why, "Choose another port.")
                break
            others.setdefault(each.port, option)
            if option in place.own and (other := _owner(place, each)):
                yield place.problem(
                    option,
                    "an address that each host has, as 0.0.0.0, [::] or 127.0.0.1",
                    f"The address is that of {other} alone, and etcd does not start where it cannot listen.",
                    "Set the option for each node below nodes.NODE.etcd, or use an address that all have.",
                    (("nodes", other, "address"),),
                )
                break


def _owner(place: Place, listener: Url) -> str | None:
    """Return the node whose address the listener has, if etcd would have to listen there on another node."""
    address = listener.address
    if address is None or address.is_unspecified or address.is_loopback:
        return None
    by_address = {
        locations.same_address(node.address): name
        for name, node in place.settings.nodes.items()
        if node.address is not None
    }
    owner = by_address.get(locations.same_address(str(address)))
    listening = {place.node} if place.node else set(place.settings.nodes) - _overriding(place.settings)
    return owner if owner and listening - {owner} else None


def _overriding(settings: Settings) -> set[str]:
    return {name for name, node in settings.nodes.items() if URL_LISTENERS & node.etcd.keys()}


def _logs(place: Place) -> Found:
    outputs = place.all.get("log-outputs", "default").split(",")
    files = [each for each in outputs if each not in OUTPUTS]
    paths = place.settings.paths
    homes = [paths.data_dir, *([paths.wal_dir] if paths.wal_dir else [])]
    if "log-outputs" in place.own:
        for file in files:
            home = next((each for each in homes if locations.inside(file, each) and file != each), None)
            if home is None or locations.inside(file, f"{home}/member") or locations.inside(file, f"{home}/wal"):
                yield place.problem(
                    "log-outputs",
                    f"{', '.join(OUTPUTS)}, or a file directly below {' or '.join(homes)}",
                    "The unit lets etcd write nowhere else, so it could not open the file and would not start.",
                    "Use stderr: the journal keeps it, and a log shipper can read it there.",
                    (("paths",),),
                )
                break
    rotated = place.all.get("enable-log-rotation") == "true"
    touched = next((name for name in ("enable-log-rotation", "log-outputs") if name in place.own), None)
    if rotated and touched and len(files) != 1:
        yield place.problem(
            touched,
            "rotation with exactly one file in log-outputs",
            "etcd does not start when it has no file to rotate, or several.",
            "Remove enable-log-rotation: the journal rotates what goes to stderr.",
            ((*place.key, "log-outputs"),),
        )
