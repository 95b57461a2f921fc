"""Shifts the wall clock of one running x86-64 process, also of a static Go binary.

The process's private copy of the vDSO is rewritten: its time functions then make the real system call and add a
number of seconds. exec gives a fresh vDSO, so a restarted process has the true time.
"""

import os
import signal
import struct
from pathlib import Path

from dev.lab.processes.cgroups import inner_pid
from dev.lab.processes.identity import started
from dev.lab.system import LabError, until

_DYNAMIC_SYMBOLS = 11  # SHT_DYNSYM
_JUMP_BYTES = 5  # a function of this size is a `jmp rel32` to its body


def code(seconds: int) -> dict[str, bytes]:
    """Return the machine code of each time function for a shift, by the name of its vDSO symbol."""
    shift = struct.pack("<i", seconds)

    def call(number: int) -> bytes:
        return b"\xb8" + struct.pack("<i", number) + b"\x0f\x05"  # mov eax, number; syscall

    return {
        # only for CLOCK_REALTIME (0) and CLOCK_REALTIME_COARSE (5): ts->tv_sec += seconds
        "__vdso_clock_gettime": call(228)
        + b"\x85\xc0\x75\x10"  # test eax, eax; jne ret
        + b"\x85\xff\x74\x05"  # test edi, edi; je add
        + b"\x83\xff\x05\x75\x07"  # cmp edi, 5; jne ret
        + b"\x48\x81\x06" + shift  # add: add qword [rsi], seconds
        + b"\xc3",
        "__vdso_gettimeofday": call(96)
        + b"\x48\x85\xff\x74\x07"  # test rdi, rdi; je ret
        + b"\x48\x81\x07" + shift  # add qword [rdi], seconds
        + b"\xc3",
        "__vdso_time": call(201)
        + b"\x48\x05" + shift  # add rax, seconds
        + b"\x48\x85\xff\x74\x03\x48\x89\x07"  # test rdi, rdi; je ret; mov [rdi], rax
        + b"\xc3",
    }  # fmt: skip


def skew(pid: int, seconds: int) -> None:
    """Shift the wall clock of the process `pid` of this machine; 0 is the true time again.

    Raises:
        LabError: It has no x86-64 vDSO, or its functions leave no room.
    """
    low, high = _range(pid)
    memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        image = os.pread(memory, high - low, low)
        found = symbols(image)
        # all threads stopped, so that none runs half-written code
        os.kill(pid, signal.SIGSTOP)
        try:
            if not until(lambda: _stopped(pid), 5):
                raise LabError(f"process {inner_pid(pid)} does not stop")
            for name, text in code(seconds).items():
                value, size = found[name]
                if size == _JUMP_BYTES:
                    value += _JUMP_BYTES + struct.unpack_from("<i", image, value + 1)[0]
                elif len(text) > max(size, 16):  # functions are aligned to 16 bytes
                    raise LabError(f"{name} has {size} bytes, {len(text)} are needed")
                os.pwrite(memory, text, low + value)
        finally:
            os.kill(pid, signal.SIGCONT)
    finally:
        os.close(memory)


def symbols(image: bytes) -> dict[str, tuple[int, int]]:
    """Return offset and size of each symbol of a vDSO, which is an ELF64 shared object."""
    (at,) = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, at + number * size) for number in range(count)]
    table = next(section for section in sections if section[1] == _DYNAMIC_SYMBOLS)
    names = sections[table[6]]
    found = {}
    for offset in range(table[4], table[4] + table[5], 24):
        name, _, _, _, value, length = struct.unpack_from("<IBBHQQ", image, offset)
        start = names[4] + name
        found[image[start : image.index(b"\0", start)].decode()] = (value, length)
    return found


def _range(pid: int) -> tuple[int, int]:
    if started(pid) is None:
        raise LabError(f"process {pid} is gone")
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith("[vdso]"):
            low, high = line.split()[0].split("-")
            return int(low, 16), int(high, 16)
    raise LabError(f"process {inner_pid(pid)} has no vDSO")


def _stopped(pid: int) -> bool:
    states = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(text[text.rindex(")") + 2] == "T" for text in states)
