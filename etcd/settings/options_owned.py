"""etcd options that are not the user's to set here: what to use instead, and why."""

_ITSELF = "The program sets it itself."
_CERTIFICATES = "The program makes and installs the certificates itself."
_BORN = "A cluster's first start and each join are the program's work, and this would interfere."
_ALWAYS = "Client and peer certificates are always demanded."

# Option: (why, what to do).
REFUSED: dict[str, tuple[str, str]] = {
    "name": (_ITSELF, "A member is named by its key below nodes."),
    "data-dir": (_ITSELF, "Use paths.data_dir."),
    "wal-dir": (_ITSELF, "Use paths.wal_dir."),
    "listen-peer-urls": (_ITSELF, "Use the nodes' address and peer_port."),
    "initial-advertise-peer-urls": (_ITSELF, "Use the nodes' address and peer_port."),
    "listen-client-urls": (_ITSELF, "Use the nodes' address and client_port."),
    "advertise-client-urls": (_ITSELF, "Use the nodes' address and client_port."),
    "initial-cluster": (_BORN, "Use nodes."),
    "initial-cluster-state": (_BORN, "Remove it."),
    "initial-cluster-token": (_BORN, "Use initial_cluster_token."),
    "cert-file": (_CERTIFICATES, "Use certificates and ca."),
    "key-file": (_CERTIFICATES, "Use certificates and ca."),
    "trusted-ca-file": (_CERTIFICATES, "Use ca."),
    "client-cert-file": (_CERTIFICATES, "Use certificates and ca."),
    "client-key-file": (_CERTIFICATES, "Use certificates and ca."),
    "peer-cert-file": (_CERTIFICATES, "Use certificates and ca."),
    "peer-key-file": (_CERTIFICATES, "Use certificates and ca."),
    "peer-trusted-ca-file": (_CERTIFICATES, "Use ca."),
    "peer-client-cert-file": (_CERTIFICATES, "Use certificates and ca."),
    "peer-client-key-file": (_CERTIFICATES, "Use certificates and ca."),
    "peer-cert-allowed-cn": ("The program sets it where clients and peers share a CA.", "Use ca.shared."),
    "peer-cert-allowed-hostname": ("It excludes the check of common names under a shared CA.", "Use ca.shared."),
    "client-cert-allowed-hostname": (
        "It refuses each client whose certificate lacks the name, this program's own on the hosts too.",
        "Use etcd's users and roles to tell clients apart.",
    ),
    "client-cert-auth": (_ALWAYS, "Remove it."),
    "peer-client-cert-auth": (_ALWAYS, "Remove it."),
    "auto-tls": (_CERTIFICATES, "Remove it."),
    "peer-auto-tls": (_CERTIFICATES, "Remove it."),
    "self-signed-cert-validity": (_CERTIFICATES, "Use certificates.validity_days."),
    "config-file": ("With a file, etcd ignores all other settings.", "Put its options below etcd."),
    "version": ("It makes etcd print its version and stop.", "Use the setting version."),
    "strict-reconfig-check": ("Without the check, a change of members can cost the quorum.", "Remove it."),
    "unsafe-no-fsync": ("It loses data when the power fails.", "Remove it."),
    "force-new-cluster": ("It drops all other members; it is for disaster recovery by hand.", "Remove it."),
    "enable-v2": ("A v2 store with content bars the way to 3.6.", "Remove it."),
    "experimental-enable-v2v3": ("A v2 store bars the way to 3.6.", "Remove it."),
    "discovery": (_BORN, "Use nodes."),
    "discovery-cacert": (_BORN, "Use nodes."),
    "discovery-cert": (_BORN, "Use nodes."),
    "discovery-dial-timeout": (_BORN, "Use nodes."),
    "discovery-endpoints": (_BORN, "Use nodes."),
    "discovery-fallback": (_BORN, "Use nodes."),
    "discovery-insecure-skip-tls-verify": (_BORN, "Use nodes."),
    "discovery-insecure-transport": (_BORN, "Use nodes."),
    "discovery-keepalive-time": (_BORN, "Use nodes."),
    "discovery-keepalive-timeout": (_BORN, "Use nodes."),
    "discovery-key": (_BORN, "Use nodes."),
    "discovery-password": (_BORN, "Use nodes."),
    "discovery-proxy": (_BORN, "Use nodes."),
    "discovery-request-timeout": (_BORN, "Use nodes."),
    "discovery-srv": (_BORN, "Use nodes."),
    "discovery-srv-name": (_BORN, "Use nodes."),
    "discovery-token": (_BORN, "Use nodes."),
    "discovery-user": (_BORN, "Use nodes."),
    "proxy": ("A v2 proxy is no member.", "Remove it."),
    "proxy-dial-timeout": ("A v2 proxy is no member.", "Remove it."),
    "proxy-failure-wait": ("A v2 proxy is no member.", "Remove it."),
    "proxy-read-timeout": ("A v2 proxy is no member.", "Remove it."),
    "proxy-refresh-interval": ("A v2 proxy is no member.", "Remove it."),
    "proxy-write-timeout": ("A v2 proxy is no member.", "Remove it."),
}

_TIMING = "Members with different timing disturb each other's elections."
# Options that must not differ between members: https://etcd.io/docs/v3.6/tuning/ and /op-guide/authentication/
UNIFORM: dict[str, str] = {
    "heartbeat-interval": _TIMING,
    "election-timeout": _TIMING,
    "auth-token": "A token that one member issues must be valid on all.",
}
