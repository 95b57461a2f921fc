"""The options of TLS together: versions, cipher suites, and the keys that the certificates have."""

import re
from collections.abc import Iterator, Mapping

from etcd_cluster.settings import problems
from etcd_cluster.settings.problems import Path, SettingProblem, display_value, invalid, problem

# The names that crypto/tls of Go 1.24 and later knows (CipherSuites, InsecureCipherSuites), which is what etcd looks
# names up in, and the two short ones of etcd's own (tlsutil/cipher_suites.go).
_KEYED = [
    "TLS_ECDHE_{}_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_{}_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_{}_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_{}_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_{}_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_{}_WITH_CHACHA20_POLY1305",
]
KEYED = {algorithm: [name.format(algorithm) for name in _KEYED] for algorithm in ("ECDSA", "RSA")}
ONLY_1_3 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
# Without forward secrecy: who gets the key later reads what was recorded before.
STATIC_RSA = [
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
]
CBC_SHA256 = ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"]
BROKEN = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
]
SUITES = frozenset([*KEYED["ECDSA"], *KEYED["RSA"], *ONLY_1_3, *STATIC_RSA, *CBC_SHA256, *BROKEN])
# net/http's HTTP/2 server does not start without one of them where TLS 1.2 is possible (h2_bundle.go, ConfigureServer).
REQUIRED = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")


def suites(options: Mapping[str, str]) -> list[str]:
    """Return the cipher suites that the options name."""
    return options["cipher-suites"].split(",") if "cipher-suites" in options else []


def nearest(name: str) -> str | None:
    """Return etcd's name of a suite that is spelled otherwise, as OpenSSL does, None where none is near."""
    plain = re.sub(r"[^A-Z0-9]+", "_", name.strip().upper())
    plain = re.sub(r"AES_?(128|256)(?=_|$)", r"AES_\1", plain)
    if not plain.startswith("TLS_"):  # OpenSSL's names of TLS 1.2: no WITH, no CBC, and RSA is not named
        exchange = re.match(r"(?:ECDHE_)?(?:ECDSA|RSA)_", plain)
        rest = plain[exchange.end() :] if exchange else plain
        rest = re.sub(r"(AES_(?:128|256))_SHA", r"\1_CBC_SHA", rest)
        plain = f"TLS_{exchange[0] if exchange else 'RSA_'}WITH_{rest}"
    if plain in SUITES:
        return plain
    return problems.nearest(plain, sorted(SUITES - set(BROKEN)), 0.75)


def check(options: Mapping[str, str], key: Path, own: Mapping[str, str], algorithm: str) -> Iterator[SettingProblem]:
    """Yield what is wrong with the options of TLS; `algorithm` is that of the certificates' keys."""
    touched = own.keys() & {"cipher-suites", "tls-min-version", "tls-max-version"}
    if not touched:
        return
    lowest, highest = options.get("tls-min-version", "TLS1.2"), options.get("tls-max-version", "TLS1.3")
    named = suites(options)
    if lowest > highest:
        where = (*key, "tls-max-version" if "tls-max-version" in own else "tls-min-version")
        yield problem(
            where,
            f"tls-min-version is {lowest}, above tls-max-version, which is {highest}",
            "etcd does not start with that.",
            "Remove one of the two.",
        )
        return
    where = (*key, "cipher-suites")
    unknown = [name for name in named if name not in SUITES]
    for name in unknown:
        near = nearest(name)
        yield invalid(
            where,
            display_value(where, name),
            "cipher suites by the names of Go, separated by commas",
            "etcd does not start with a name it does not know.",
            f"Write {near}." if near else f"Use one of {', '.join(REQUIRED)}, or remove it to get Go's choice.",
        )
    if unknown or not named:
        return
    if lowest == "TLS1.3":
        yield problem(
            where if "cipher-suites" in own else (*key, "tls-min-version"),
            "cipher-suites cannot be set together with a tls-min-version of TLS1.3",
            "The suites of TLS 1.3 cannot be chosen, and etcd does not start with both.",
            "Remove cipher-suites.",
        )
    elif not set(named) & set(REQUIRED):
        yield invalid(
            where,
            display_value(where, options["cipher-suites"]),
            f"a list with {' or '.join(REQUIRED)} in it",
            "HTTP/2 requires one of them, and a member without it serves no client.",
            f"Add {_required(algorithm)}.",
        )
    elif highest == "TLS1.2" and not _usable(named, algorithm):
        yield invalid(
            where,
            display_value(where, options["cipher-suites"]),
            f"a list with a suite for {algorithm} keys, as {_required(algorithm)}",
            f"The certificates' keys are {algorithm}, so with TLS 1.2 alone no client could connect.",
            f"Add {_required(algorithm)}.",
            involves=(("certificates", "algorithm"),),
        )


def _required(algorithm: str) -> str:
    return next(name for name in REQUIRED if f"_{algorithm}_" in name)


def _usable(named: list[str], algorithm: str) -> bool:
    """Tell whether a suite fits the certificates' keys and HTTP/2, which refuses CBC (RFC 9113, appendix A)."""
    return any(f"_ECDHE_{algorithm}_" in name and "_CBC_" not in name for name in named)


def warnings(options: Mapping[str, str], algorithm: str) -> Iterator[str]:
    """Yield what to say about suites that work, but not for all or not well."""
    named = suites(options)
    weak = sorted(set(named) & set(STATIC_RSA))
    if weak:
        yield f"{', '.join(weak)}: without forward secrecy, who gets a key later can read what was recorded before."
    if named and set(named) <= SUITES and not _usable(named, algorithm):
        yield (
            f"no suite fits the certificates' {algorithm} keys, so only clients with TLS 1.3 can connect; "
            f"add {_required(algorithm)} for the others."
        )
