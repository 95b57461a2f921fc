"""etcd's release archives on this machine, and the sums that they must have."""

from collections.abc import Iterator

from cryptography import x509

from etcd_cluster.settings import versions
from etcd_cluster.settings.model import Binaries, Settings
from etcd_cluster.settings.problems import SettingProblem, display_value, invalid, missing
from etcd_cluster.settings.reading import Reader
from etcd_cluster.settings.versions import ARCHITECTURES


def archive(version: str, architecture: str) -> str:
    """Return the name etcd gives its release archive."""
    return f"etcd-v{version}-linux-{architecture}.tar.gz"


def check_sums(settings: Settings) -> Iterator[SettingProblem]:
    """Yield which archive has no sum. Of a node that does not name its architecture, one sum has to do here."""
    named = {node.architecture for node in settings.nodes.values() if node.architecture}
    version = settings.version
    lacking = sorted(arch for arch in named if settings.checksum(version, arch) is None)
    if not lacking and any(settings.checksum(version, arch) for arch in ARCHITECTURES):
        return
    wanted = lacking or ["amd64"]
    for arch in wanted:
        yield missing(
            ("binaries", "checksums", version, arch),
            f"the SHA-256 sum of {archive(version, arch)}",
            f"None is pinned for {version}, and an archive is only installed when its sum is known beforehand.",
            "Take it from the SHA256SUMS of the release, not from the mirror that serves the archive.",
            involves=(("version",), ("binaries", "checksums_file")),
        )


def check_archives(settings: Settings) -> Iterator[SettingProblem]:
    """Yield what is missing for pushed archives, or wrong with a mirror's CA."""
    binaries = settings.binaries
    if binaries.ca_certificate is not None:
        try:
            x509.load_pem_x509_certificates(binaries.ca_certificate.encode())
        except ValueError:
            key = ("binaries", "ca_file" if binaries.ca_file else "ca_certificate")
            got = display_value(key, str(binaries.ca_file)) if binaries.ca_file else "text"
            yield invalid(key, got, "PEM certificates", "It cannot be read as certificates.")
    if binaries.source != "push":
        return
    key = ("binaries", "archive_dir")
    if binaries.archive_dir is None:
        yield missing(
            key,
            "the folder with the archives, as binaries.source is push",
            "",
            f"Set it to the folder that holds {archive(settings.version, 'amd64')}.",
            involves=(("binaries", "source"),),
        )
        return
    got = display_value(key, str(binaries.archive_dir))
    if not binaries.archive_dir.is_dir():
        yield invalid(key, got, "a folder on this machine", "There is no such folder.", "Correct the path.")
        return
    named = {node.architecture for node in settings.nodes.values() if node.architecture}
    there = {arch for arch in ARCHITECTURES if (binaries.archive_dir / archive(settings.version, arch)).is_file()}
    lacking = sorted(named - there) or ([] if there else ["amd64"])
    for arch in lacking:
        name = archive(settings.version, arch)
        yield invalid(
            key, got, f"a folder with {name}", "The file is missing.", "Put it there.", involves=(("version",),)
        )


def complete(settings: Settings, reader: Reader) -> Settings:
    """Return the settings with the sums of `checksums_file` and the text of `ca_file` filled in."""
    binaries = settings.binaries
    sums: dict[str, dict[str, str]] = {version: dict(named.items()) for version, named in binaries.checksums.items()}
    if binaries.checksums_file is not None:
        for version, named in _from_file(binaries, reader).items():
            sums[version] = named | sums.get(version, {})
    ca = reader.one_of(
        ("binaries",), binaries.ca_certificate, binaries.ca_file, "ca_certificate", "PEM certificates", "ca_file"
    )
    update: dict[str, object] = {"checksums": sums, "ca_certificate": ca}
    if binaries.archive_dir is not None:
        update["archive_dir"] = reader.located(binaries.archive_dir)
    return settings.model_copy(update={"binaries": binaries.model_copy(update=update)})


def _from_file(binaries: Binaries, reader: Reader) -> dict[str, dict[str, str]]:
    key = ("binaries", "checksums_file")
    assert binaries.checksums_file is not None
    text = reader.text(key, binaries.checksums_file, "SHA-256 sums as YAML")
    if text is None:
        return {}
    try:
        return versions.parse_sums(text)
    except ValueError as error:
        reader.report(
            invalid(
                key,
                display_value(key, str(binaries.checksums_file)),
                "YAML of architectures (amd64, arm64), each with versions, each with a sum of 64 hexadecimal digits",
                f"Its content is {error}.",
                "Lay it out as etcd_cluster/checksums.yaml is.",
            )
        )
        return {}
