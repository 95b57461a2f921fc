"""Values of etcd's options, with what etcd 3.6.16 did when it was started with each of them.

`python -m tests.unit.settings.option_values ETCD` starts that etcd with each again, beside ECDSA certificates, and
compares.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ECDSA_GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
RSA_GCM = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
MANY = '{"maxsize": 100, "maxage": 30, "maxbackups": 5, "localtime": false, "compress": true}'

Options = dict[str, str]

# etcd does not start, or serves no client.
ENDS: list[Options] = [
    {"listen-metrics-urls": "http://etcd-1.example.com:2381"},
    {"listen-metrics-urls": "http://192.0.2.300:2381"},
    {"listen-metrics-urls": "http://127.0.0.1:65536"},
    {"listen-metrics-urls": "http://127.0.0.1"},
    {"listen-metrics-urls": "http://127.0.0.1:2381/metrics"},
    {"listen-metrics-urls": "http://127.0.0.1:2379"},
    {"listen-metrics-urls": "http://127.0.0.1:2380"},
    {"listen-metrics-urls": "http://[::1:2381"},
    {"listen-metrics-urls": "ftp://127.0.0.1:2381"},
    {"listen-client-http-urls": "https://localhost.localdomain:2382"},
    {"heartbeat-interval": "250ms"},
    {"heartbeat-interval": "0"},
    {"election-timeout": "2s"},
    {"election-timeout": "1249"},
    {"election-timeout": "50001"},
    {"quota-backend-bytes": "6G"},
    {"max-request-bytes": "1.5e6"},
    {"cipher-suites": "ECDHE-RSA-AES128-GCM-SHA256"},
    {"cipher-suites": "TLS_NO_SUCH_SUITE"},
    {"cipher-suites": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {"cipher-suites": "TLS_AES_128_GCM_SHA256"},
    {"cipher-suites": ECDSA_GCM, "tls-min-version": "TLS1.3"},
    {"cipher-suites": RSA_GCM, "tls-max-version": "TLS1.2"},
    {"tls-min-version": "TLS1.3", "tls-max-version": "TLS1.2"},
    {"tls-min-version": "TLS1.1"},
    {"tls-min-version": "1.2"},
    {"log-outputs": "default,stderr"},
    {"log-outputs": "/nonexistent/etcd.log"},
    {"enable-log-rotation": "true"},
    {"enable-log-rotation": "true", "log-outputs": "stderr"},
    {"log-format": "text"},
    {"log-level": "verbose"},
    {"logger": "capnslog"},
    {"feature-gates": "LeaseCheckpointPersist=true"},
    {"feature-gates": "NoSuchGate=true"},
    {"feature-gates": "AllAlpha=true,LeaseCheckpoint=false"},
    {"experimental-enable-lease-checkpoint-persist": "true"},
    {"experimental-initial-corrupt-check": "true", "feature-gates": "InitialCorruptCheck=true"},
    {"experimental-corrupt-check-time": "5m", "corrupt-check-time": "5m"},
    {"compact-hash-check-time": "0s"},
    {"corrupt-check-time": "5"},
    {"corrupt-check-time": "99999999999h"},
    {"auto-compaction-mode": "sometimes"},
    {"auto-compaction-retention": "soon"},
    {"auth-token": "none"},
    {"auth-token": "jwt"},
    {"auth-token": "jwt,sign-method=none,priv-key=/etc/hostname"},
    {"auth-token": "jwt,sign-method=RS256"},
    {"auth-token": "jwt,sign-method=HS256,priv-key=/nonexistent"},
    {"enable-distributed-tracing": "true", "distributed-tracing-sampling-rate": "1000001"},
    {"cors": "https://example.com"},
    {"pre-vote": "yes"},
    {"v2-deprecation": "later"},
]

# etcd starts, and our client is answered.
SERVES: list[Options] = [
    {"listen-metrics-urls": "http://127.0.0.1:2381"},
    {"listen-metrics-urls": "http://0.0.0.0:2381"},
    {"listen-metrics-urls": "http://localhost:2381"},
    {"listen-metrics-urls": "https://127.0.0.1:2381,http://[::1]:2381"},
    {"listen-metrics-urls": "http://127.0.0.1:2381, http://127.0.0.1:2383"},
    {"listen-client-http-urls": "https://127.0.0.1:2382"},
    {"heartbeat-interval": "100", "election-timeout": "1000"},
    {"heartbeat-interval": "500", "election-timeout": "2500", "initial-election-tick-advance": "true"},
    {"quota-backend-bytes": "0"},
    {"quota-backend-bytes": "8589934592"},
    {"max-request-bytes": "1572864", "max-txn-ops": "1024"},
    {"cipher-suites": ECDSA_GCM},
    {"cipher-suites": f"{RSA_GCM},{ECDSA_GCM},TLS_RSA_WITH_AES_128_GCM_SHA256"},
    {"cipher-suites": f"{ECDSA_GCM},TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"},
    {"cipher-suites": f"{ECDSA_GCM},TLS_AES_256_GCM_SHA384", "tls-min-version": "TLS1.2"},
    {"cipher-suites": f"{RSA_GCM},TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "tls-max-version": "TLS1.2"},
    {"tls-min-version": "TLS1.3"},
    {"tls-min-version": "TLS1.2", "tls-max-version": "TLS1.2"},
    {"log-outputs": "stderr"},
    {"log-outputs": "stdout,stderr"},
    {"log-format": "console", "log-level": "warn"},
    {"log-rotation-config-json": MANY},
    {"feature-gates": "LeaseCheckpoint=true,LeaseCheckpointPersist=true"},
    {"feature-gates": "AllAlpha=true"},
    {"experimental-enable-lease-checkpoint": "true", "experimental-enable-lease-checkpoint-persist": "true"},
    {"experimental-initial-corrupt-check": "true", "feature-gates": "CompactHashCheck=true"},
    {"corrupt-check-time": "1h30m", "compact-hash-check-time": "30s"},
    {"auto-compaction-retention": "30m"},
    {"auto-compaction-mode": "revision", "auto-compaction-retention": "10000"},
    {"auth-token": "simple"},
    {"auth-token": "jwt,priv-key=/etc/hostname,sign-method=HS256,ttl=10m"},
    {"cors": "https://example.com:443"},
    {"cors": "*"},
    {"host-whitelist": "example.com,127.0.0.1"},
    {"metrics": "extensive", "enable-pprof": "true"},
    {"snapshot-count": "5000", "max-snapshots": "0", "max-wals": "0"},
    {"backend-bbolt-freelist-type": "array", "backend-batch-interval": "50ms", "backend-batch-limit": "1000"},
    {"enable-grpc-gateway": "false"},
]

# etcd starts, but would not do what was meant, or no member could join, write or be read.
USELESS: list[Options] = [
    {"quota-backend-bytes": "8"},
    {"max-request-bytes": "1"},
    {"max-txn-ops": "0"},
    {"max-learners": "-1"},
    {"bcrypt-cost": "31"},
    {"auth-token-ttl": "0"},
    {"auto-compaction-mode": "revision"},  # with the retention of the default, which is of hours
    {"auto-compaction-retention": "1s"},
    {"downgrade-check-time": "0s"},
    {"backend-bbolt-freelist-type": "list"},
    {"log-rotation-config-json": '{"maxsiez": 1}'},
    {"log-rotation-config-json": '{"maxsize": "1"}'},
    {"log-rotation-config-json": "maxsize=1"},
    {"client-crl-file": "/tmp/client.crl"},
    {"client-crl-file": "client.crl"},
    {"log-outputs": "/var/log/etcd/etcd.log"},
    {"log-outputs": "/var/lib/etcd/member/etcd.log"},
    {"client-cert-allowed-hostname": "client.example.com"},
]


def _certificates(folder: Path) -> None:
    run = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=etcd", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*run, *names, *files], check=True, capture_output=True)


def _answers(etcd: str, folder: Path) -> bool:
    client = ["--cacert", "cert.pem", "--cert", "cert.pem", "--key", "key.pem", "--command-timeout", "2s"]
    command = [f"{etcd}ctl", "--endpoints", "https://127.0.0.1:2379", *client, "endpoint", "health"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def serves(etcd: str, options: Options, seconds: float = 8) -> tuple[bool, str]:
    """Start etcd with the options, as this program sets it up; return whether a client is answered, and its log."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        _certificates(folder)
        base = {
            "name": "a",
            "data-dir": str(folder / "data"),
            "listen-client-urls": "https://127.0.0.1:2379",
            "advertise-client-urls": "https://127.0.0.1:2379",
            "listen-peer-urls": "https://127.0.0.1:2380",
            "initial-advertise-peer-urls": "https://127.0.0.1:2380",
            "initial-cluster": "a=https://127.0.0.1:2380",
            **{f"{side}{file}-file": f"{file}.pem" for side in ("", "peer-") for file in ("cert", "key")},
            **{f"{side}trusted-ca-file": "cert.pem" for side in ("", "peer-")},
            "client-cert-auth": "true",
            "peer-client-cert-auth": "true",
            "auto-compaction-mode": "periodic",
            "auto-compaction-retention": "1",
            "heartbeat-interval": "250",
            "election-timeout": "2000",
        }
        both = {f"ETCD_{key.replace('-', '_').upper()}": value for key, value in {**base, **options}.items()}
        log = stack.enter_context((folder / "log").open("w+"))
        process = subprocess.Popen([etcd], cwd=folder, env={"PATH": os.environ["PATH"], **both}, stderr=log, stdout=log)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end and process.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 2379), 1):
                    if _answers(etcd, folder):
                        return True, ""
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
        return False, (folder / "log").read_text()[-300:]


if __name__ == "__main__":
    for wanted, cases in ((False, ENDS), (True, SERVES)):
        for case in cases:
            did, words = serves(sys.argv[1], case)
            if did is not wanted:
                print(f"etcd {'serves' if did else 'does not serve'} with {case} {words}")
