"""Serves the built etcd releases to the hosts of one lab, as upstream's download site would.

Reads only. Beside `/vX.Y.Z/etcd-vX.Y.Z-linux-ARCH.tar.gz` the same path is had below `/broken` with one byte changed,
and below `/stall`, where the second half never comes. A request with a whole URL is answered by its path, so the
server also does as an HTTP proxy. Arguments: pid file, control group, address, port, folder, request log.
"""

import os
import re
import signal
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dev.lab.processes import cgroups
from dev.lab.processes.identity import PidFile

PORT = 8080
CONNECTIONS = 32
"""More than this many at a time wait in the listening socket's queue."""

IDLE_SECONDS = 60
STALL_SECONDS = 600
CHUNK = 1 << 18
LOG_BYTES = 1 << 20

_PATH = re.compile(r"/(?:(broken|stall)/)?(v\d+\.\d+\.\d+/etcd-v\d+\.\d+\.\d+-linux-(?:amd64|arm64)\.tar\.gz)")


def parse_target(target: str) -> tuple[str | None, str] | None:
    """Return the fault asked for and the file below the tree for a request target, None for no archive."""
    match = _PATH.fullmatch(urlsplit(target).path)
    return (match[1], match[2]) if match else None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: "ReleaseServer"
    timeout = IDLE_SECONDS
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send an archive."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Send the headers of an archive."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        asked = parse_target(self.path)
        path = self.server.folder / asked[1] if asked else None
        if not asked or not path or not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        fault, size = asked[0], path.stat().st_size
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/gzip")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if body:
            self._send(path, size, fault)

    def _send(self, path: Path, size: int, fault: str | None) -> None:
        sent = 0
        with path.open("rb") as archive:
            while chunk := archive.read(CHUNK):
                if fault == "stall" and sent + len(chunk) > size // 2:
                    self.close_connection = True
                    self.connection.settimeout(STALL_SECONDS)
                    self.connection.recv(1)  # returns when the client gives up
                    return
                if fault == "broken" and sent <= size // 2 < sent + len(chunk):
                    at = size // 2 - sent
                    chunk = chunk[:at] + bytes([chunk[at] ^ 0xFF]) + chunk[at + 1 :]
                self.wfile.write(chunk)
                sent += len(chunk)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name is the base class's
        """Note the request in the log, which is emptied when it has grown too long."""
        self.server.note(f"{self.client_address[0]} {format % args}\n")


class ReleaseServer(ThreadingHTTPServer):
    """A threading server with a limit."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, port: int, folder: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        self.writing = threading.Lock()
        self.room = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__((address, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for room, then serve in a thread."""
        self.room.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a connection that broke, such as one whose client gave up."""
        self.note(f"{client_address[0]} {sys.exc_info()[1]}\n")

    def note(self, line: str) -> None:
        """Add a line to the log."""
        with self.writing, self.log.open("a") as log:
            if log.tell() > LOG_BYTES:
                log.truncate(0)
            log.write(line)


def answers(address: str, port: int = PORT) -> bool:
    """Return whether something accepts connections there."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def main(argv: list[str]) -> None:
    """Serve until told to end."""
    file, machine, address, port, folder, log = argv
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    group = cgroups.group(machine)
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text(str(os.getpid()))
    with ReleaseServer(address, int(port), Path(folder), Path(log)) as server:
        PidFile(Path(file)).save(os.getpid())
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
