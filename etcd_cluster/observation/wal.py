"""What etcd's WAL files tell: whose they are, and whether entries of 3.5 are left in them."""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_METADATA_TYPE = 1
_LENGTH_MASK = (1 << 56) - 1


# The head of a normal `raftpb.Entry` {1: Type, 2: Term, 3: Index, 4: Data} whose data is an `etcdserverpb.Request`
# {1: ID, 2: Method, 3: Path}, up to that path: how 3.5 writes a member's attributes and the cluster's version.
_NUMBER = rb"[\x80-\xff]*[\x00-\x7f]"
_V2_ENTRY = re.compile(
    rb"\x08\x00\x10"
    + _NUMBER
    + rb"\x18("
    + _NUMBER
    + rb")\x22"
    + _NUMBER
    + rb"\x08"
    + _NUMBER
    + rb"\x12\x03PUT\x1a.\Z",
    re.DOTALL,
)


@dataclass(frozen=True)
class WalIdentity:
    """Whose WAL it is; both ids as etcd prints them, in hexadecimal."""

    member_id: str
    cluster_id: str


def parse(head: bytes) -> WalIdentity | None:
    """Read the identity from the first bytes of a WAL file (512 are plenty), None where there is none.

    A WAL file is a sequence of frames: a little-endian int64 whose low 56 bits are the record's length and whose top
    byte says how it is padded, then a protobuf `walpb.Record` {1: type, 2: crc, 3: data}. Every file starts with a
    crc record and a metadata record, whose data is `etcdserverpb.Metadata` {1: NodeID, 2: ClusterID}
    (etcd v3.6 server/storage/wal/{encoder,decoder,wal}.go).
    """
    offset = 0
    while offset + 8 <= len(head):
        (frame,) = struct.unpack_from("<q", head, offset)
        length = frame & _LENGTH_MASK
        padding = (frame >> 56) & 0x7 if frame < 0 else 0
        record = _fields(head[offset + 8 : offset + 8 + length])
        if record.get(1) == _METADATA_TYPE and isinstance(data := record.get(3), bytes):
            metadata = _fields(data)
            member, cluster = metadata.get(1), metadata.get(2)
            if isinstance(member, int) and isinstance(cluster, int):
                return WalIdentity(f"{member:x}", f"{cluster:x}")
            return None
        if length == 0:
            return None
        offset += 8 + length + padding
    return None


def last_v2_entry(heads: Iterable[bytes]) -> int:
    """Return the highest raft index of an entry in the format of 3.5, 0 when there is none.

    `heads` are what stands before each path in the log that such an entry may hold (64 bytes are plenty).
    """
    matches = [_V2_ENTRY.search(head) for head in heads]
    return max((_varint(match[1], 0)[0] for match in matches if match), default=0)


def _fields(message: bytes) -> dict[int, int | bytes]:
    """Read a flat protobuf message: varints and byte strings by field number."""
    fields: dict[int, int | bytes] = {}
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, position = _varint(message, position)
            fields[number] = value
        elif kind == 2:
            size, position = _varint(message, position)
            fields[number] = message[position : position + size]
            position += size
        else:
            break
    return fields


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return value, position
