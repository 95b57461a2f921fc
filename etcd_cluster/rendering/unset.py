"""The environment variables that must never reach etcd, wherever the host sets them (systemd's `DefaultEnvironment=`,
`systemctl set-environment`, drop-ins with `PassEnvironment=`)."""

from collections.abc import Collection, Iterator

from etcd_cluster.settings.options.table import OPTIONS

# Set by bootstrap.env while a member starts for the first time.
_BOOTSTRAP = frozenset({"initial-cluster-state", "initial-cluster", "initial-cluster-token"})
# Members and their clients would be reached through a proxy (net/http, ProxyFromEnvironment).
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# Weaken TLS or change how the process runs: Go's runtime and resolver, gRPC, etcd's own checks, the dynamic linker.
# GOMEMLIMIT, GOGC and GOMAXPROCS are left to whoever sets them: they only bound what the process uses.
_PROCESS = (
    "ETCD_VERIFY",
    "GODEBUG",
    "GOFAIL_FAILPOINTS",
    "GOFAIL_HTTP",
    "GOTRACEBACK",
    "GRPC_ENFORCE_ALPN_ENABLED",
    "HOSTALIASES",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "SSLKEYLOGFILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
)
_LINE = 100


def variable(option: str) -> str:
    """Return the environment variable of an etcd option: `wal-dir` is `ETCD_WAL_DIR`."""
    return f"ETCD_{option.replace('-', '_').upper()}"


def names(rendered: Collection[str]) -> list[str]:
    """Return what the unit unsets beside the variables that are rendered for the member.

    systemd unsets after all else has been set, `EnvironmentFile=` included (systemd.exec(5)), so nothing that is
    rendered may be among them. `ETCD_CONFIG_FILE` is: with it, etcd ignores every other setting, TLS too.
    """
    options = {variable(name) for name in OPTIONS.keys() - _BOOTSTRAP}
    proxies = {spelling for name in _PROXIES for spelling in (name, name.upper())}
    return sorted((options | proxies | {*_PROCESS}) - {*rendered})


def directives(rendered: Collection[str]) -> str:
    """Return the unit's lines."""
    return "\n".join(f"UnsetEnvironment={line}" for line in _wrapped(names(rendered)))


def _wrapped(words: list[str]) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + len(word) >= _LINE:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line
