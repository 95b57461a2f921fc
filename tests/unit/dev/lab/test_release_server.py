"""The release server, on loopback."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.lab.release_server import ReleaseServer, parse_target

PATH = "v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz"
CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    archive = tmp_path / "tree" / PATH
    archive.parent.mkdir(parents=True)
    archive.write_bytes(CONTENT)
    (tmp_path / "tree" / "checksums.yaml").write_text("secret")
    with ReleaseServer("127.0.0.1", 0, tmp_path / "tree", tmp_path / "log") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(5)


def get(url: str, timeout: float = 5) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        content = answer.read()
        assert isinstance(content, bytes)
        return content


def test_an_archive_is_served_whole(url: str) -> None:
    assert get(f"{url}/{PATH}") == CONTENT


def test_below_broken_one_byte_differs(url: str) -> None:
    got = get(f"{url}/broken/{PATH}")
    assert len(got) == len(CONTENT)
    assert sum(a != b for a, b in zip(got, CONTENT, strict=True)) == 1


def test_below_stall_the_second_half_never_comes(url: str) -> None:
    with pytest.raises(TimeoutError):
        get(f"{url}/stall/{PATH}", timeout=0.3)


def test_nothing_else_is_served(url: str) -> None:
    for path in ("checksums.yaml", "", "v3.6.16/", "v9.9.9/etcd-v9.9.9-linux-amd64.tar.gz", f"../tree/{PATH}"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{url}/{path}")


def test_requests_are_noted(url: str, tmp_path: Path) -> None:
    get(f"{url}/{PATH}")
    assert f'127.0.0.1 "GET /{PATH} HTTP/1.1" 200' in (tmp_path / "log").read_text()


def test_a_request_to_a_proxy_is_answered_by_its_path() -> None:
    assert parse_target(f"http://mirror.example/broken/{PATH}?x=1") == ("broken", PATH)
    assert parse_target(f"/{PATH}") == (None, PATH)
    assert parse_target(f"/other/{PATH}") is None
