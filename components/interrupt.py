"""How the program ends when the language host interrupts it."""

import os
import signal
from types import FrameType

# The language host takes this as "the user was told already": sdk/python/cmd/pulumi-language-python/main.go
_MESSAGE_SHOWN = 32


def end_quietly_when_interrupted() -> None:
    """Let SIGINT end the program without a traceback.

    The language host sends it when a resource has failed; Python's own answer is a `KeyboardInterrupt` of some
    twenty-five lines below the message that the user needs.
    """
    signal.signal(signal.SIGINT, _end)


def _end(_signal: int, _frame: FrameType | None) -> None:
    os._exit(_MESSAGE_SHOWN)
