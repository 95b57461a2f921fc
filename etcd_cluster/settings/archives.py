"""Sums and archives of etcd's releases, as far as they lie on this machine."""

from etcd_cluster.settings import checksums
from etcd_cluster.settings.model import Binaries, Settings
from etcd_cluster.settings.problems import display_value, invalid
from etcd_cluster.settings.reading import Reader


def complete(settings: Settings, reader: Reader) -> Settings:
    """Return the settings with the sums of `checksums_file` and the text of `ca_file` filled in."""
    binaries = settings.binaries
    sums: dict[str, dict[str, str]] = {version: dict(given.items()) for version, given in binaries.checksums.items()}
    if binaries.checksums_file is not None:
        for version, given in _from_file(binaries, reader).items():
            sums[version] = given | sums.get(version, {})
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
        return checksums.parsed(text)
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
