"""The ids that etcd computes for a new cluster, so that a member can be held against what was announced.

Source: etcdserver/api/membership/member.go (computeMemberID) and cluster.go (genID): eight bytes of a SHA-1 each.
"""

import hashlib
from collections.abc import Iterable


def member_id(peer_urls: Iterable[str], token: str) -> str:
    """Return the id, in hexadecimal, of an initial member with these peer URLs and this cluster token."""
    return _hexadecimal("".join(sorted(peer_urls)).encode() + token.encode())


def cluster_id(member_ids: Iterable[str]) -> str:
    """Return the id, in hexadecimal, of a new cluster of these members."""
    return _hexadecimal(b"".join(number.to_bytes(8, "big") for number in sorted(int(each, 16) for each in member_ids)))


def _hexadecimal(text: bytes) -> str:
    return f"{int.from_bytes(hashlib.sha1(text, usedforsecurity=False).digest()[:8], 'big'):x}"
