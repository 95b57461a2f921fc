"""A client of the cluster on this machine, outside the hosts, with a certificate from the stack's outputs."""

import base64
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography import x509

from dev import releases
from tests.lab.harness import VERSION, Stack


@cache
def etcdctl(folder: Path) -> Path:
    """Return this machine's own etcdctl, taken from the lab's release."""
    target = folder / "etcdctl"
    with tarfile.open(releases.archive(VERSION)) as tar:
        member = next(each for each in tar if each.name.endswith("/etcdctl"))
        content = tar.extractfile(member)
        assert content
        target.write_bytes(content.read())
    target.chmod(0o755)
    return target


def served(address: str, port: int) -> x509.Certificate:
    """Return the certificate that a new connection is shown; it is not verified here."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((address, port), timeout=5) as link,
        context.wrap_socket(link) as connection,
    ):
        found = connection.getpeercert(binary_form=True)
    assert found
    return x509.load_der_x509_certificate(found)


class Client:
    """etcdctl with a client certificate of the stack; `name` is that of the certificate in the outputs."""

    def __init__(self, stack: Stack, tools: Path, name: str = "admin") -> None:
        outputs = stack.outputs()
        self.endpoints: list[str] = outputs["endpoints"]
        self.folder = Path(tempfile.mkdtemp(prefix=f"client-{name}-", dir=stack.folder))
        self._program = etcdctl(tools)
        texts = {
            "ca.pem": outputs["ca_certificate"],
            "cert.pem": outputs["clients"][name]["certificate"],
            "key.pem": outputs["clients"][name]["private_key"],
        }
        for file, text in texts.items():
            path = self.folder / file
            path.touch(mode=0o600)
            path.write_text(text)

    def run(self, *words: str, endpoints: Sequence[str] = (), check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run etcdctl."""
        options = {"cacert": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
        command = [
            str(self._program),
            f"--endpoints={','.join(endpoints or self.endpoints)}",
            "--dial-timeout=3s",
            "--command-timeout=5s",
            *(f"--{option}={self.folder / file}" for option, file in options.items() if (self.folder / file).exists()),
            *words,
        ]
        env = {"PATH": os.defpath}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def json(self, *words: str, endpoints: Sequence[str] = ()) -> Any:
        """Run etcdctl and return its answer."""
        return json.loads(self.run("-w", "json", *words, endpoints=endpoints).stdout)

    def put(self, key: str, value: str) -> None:
        """Write a key."""
        assert self.run("put", "--", key, value).stdout == "OK\n"

    def get(self, key: str) -> str:
        """Read a key; nothing when it is not there."""
        return self.run("get", "--print-value-only", "--", key).stdout.rstrip("\n")

    def leader(self) -> str:
        """Return the endpoint of the leader."""
        for entry in self.json("endpoint", "status"):
            if entry["Status"]["leader"] == entry["Status"]["header"]["member_id"]:
                return str(entry["Endpoint"])
        raise AssertionError("there is no leader")

    def tls(self) -> ssl.SSLContext:
        """Return what a Python client needs to connect."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        return context


class Writer:
    """Writes key after key over all endpoints for as long as the block runs; each is tried for `seconds`.

    Each attempt is a connection of its own and has `attempt_seconds`: a follower forwards a write to the leader, which
    drops it without an answer while it hands over (raft, stepLeader), so a client must not wait for long.
    """

    def __init__(self, client: Client, seconds: float = 5, attempt_seconds: float = 0.5) -> None:
        self._seconds = seconds
        self._attempt_seconds = attempt_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._prefix = f"writer-{secrets.token_hex(4)}/"
        self._turn = 0
        self._last = 0.0
        self.written: list[str] = []
        self.failed: list[str] = []
        self.refused: list[str] = []
        """What either side said when it did not accept the other's certificate."""
        self.longest_stall = 0.0
        """The longest time between two acknowledgements, in seconds."""
        self.follow(client)

    def follow(self, client: Client) -> None:
        """From now on, use this client's endpoints and certificate."""
        self._target: tuple[list[str], ssl.SSLContext] = client.endpoints, client.tls()

    def __enter__(self) -> Self:
        self._last = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(self._seconds + 10)
        assert not self._thread.is_alive()

    def take_stall(self) -> float:
        """Return the longest stall, counting the one that may be under way, and begin to measure anew."""
        longest = max(self.longest_stall, time.monotonic() - self._last)
        self.longest_stall = 0.0
        return longest

    def verify(self, client: Client) -> None:
        """Check that the cluster has every write that it acknowledged, and that it acknowledged some."""
        assert self.written
        found = client.json("get", self._prefix, "--prefix").get("kvs", [])
        kept = {(base64.b64decode(each["key"]).decode(), base64.b64decode(each["value"]).decode()) for each in found}
        lost = [key for key in self.written if (key, key) not in kept]
        assert not lost, f"{len(lost)} of {len(self.written)} acknowledged writes are lost: {lost[:10]}"

    def served_all(self, client: Client) -> None:
        """Check that no write failed after its retries, no certificate was refused, and nothing is lost."""
        assert self.failed == []
        assert self.refused == []
        self.verify(client)

    def _write(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            key = f"{self._prefix}{number}"
            if self._put(key):
                now = time.monotonic()
                self.longest_stall = max(self.longest_stall, now - self._last)
                self._last = now
                self.written.append(key)
            else:
                self.failed.append(key)
            self._stop.wait(0.05)

    def _put(self, key: str) -> bool:
        end = time.monotonic() + self._seconds
        body = json.dumps({name: base64.b64encode(key.encode()).decode() for name in ("key", "value")})
        while time.monotonic() < end:
            for _ in range(len(self._target[0])):
                if self._try(body):
                    return True
                self._turn += 1
            time.sleep(0.05)
        return False

    def _try(self, body: str) -> bool:
        """Ask the endpoint whose turn it is; one that answers is asked again, as etcd's own client does."""
        urls, context = self._target
        place = urlsplit(urls[self._turn % len(urls)])
        link = http.client.HTTPSConnection(
            place.hostname or "", place.port, timeout=self._attempt_seconds, context=context
        )
        try:
            link.request("POST", "/v3/kv/put", body)
            return link.getresponse().status == 200
        except ssl.SSLError as error:
            if "CERTIFICATE" in str(error.reason) or "ALERT" in str(error.reason):
                self.refused.append(f"{place.hostname}: {error}")
            return False
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()
