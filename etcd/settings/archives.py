"""Sums and archives of etcd's releases, as far as they lie on this machine."""

import re
from typing import Any

import yaml

from etcd.settings.model import Binaries, Settings
from etcd.settings.problems import shown
from etcd.settings.reading import Reader

ARCHITECTURES = ("amd64", "arm64")


def complete(settings: Settings, reader: Reader) -> Settings:
    """Return the settings with the sums of `checksums_file` and the text of `ca_file` filled in."""
    binaries = settings.binaries
    sums: dict[str, dict[str, str]] = {version: dict(given.items()) for version, given in binaries.checksums.items()}
    if binaries.checksums_file is not None:
        for version, given in _from_file(binaries, reader).items():
            sums[version] = given | sums.get(version, {})
    update: dict[str, object] = {
        "checksums": sums,
        "ca_certificate": reader.one_of(
            ("binaries",), binaries.ca_certificate, binaries.ca_file, "ca_certificate", "PEM certificates"
        )
        if binaries.ca_certificate is not None
        else binaries.ca_file and reader.text(("binaries", "ca_file"), binaries.ca_file, "PEM certificates"),
    }
    if binaries.archive_dir is not None:
        update["archive_dir"] = reader.located(binaries.archive_dir)
    return settings.model_copy(update={"binaries": binaries.model_copy(update=update)})


def _from_file(binaries: Binaries, reader: Reader) -> dict[str, dict[str, str]]:
    key = ("binaries", "checksums_file")
    assert binaries.checksums_file is not None
    text = reader.text(key, binaries.checksums_file, "SHA-256 sums as YAML: version, then architecture, then sum")
    if text is None:
        return {}
    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        content = None
    result: dict[str, dict[str, str]] = {}
    fits = isinstance(content, dict)
    for version, sums in content.items() if fits else ():
        fits = fits and isinstance(version, str) and isinstance(sums, dict)
        for architecture, value in sums.items() if fits else ():
            fits = fits and architecture in ARCHITECTURES
            fits = fits and bool(re.fullmatch(r"[0-9a-f]{64}", str(value)))
            if fits:
                result.setdefault(version.removeprefix("v"), {})[architecture] = value
    if not fits:
        reader.refuse(
            key,
            shown(key, str(binaries.checksums_file)),
            "YAML of versions, each with amd64, arm64 or both, each with a SHA-256 sum of 64 hexadecimal digits",
        )
    return result
