"""The Pulumi CLI and its plugins: found, downloaded or made, in a cache folder of the project's own."""

from lab.toolchain.environment import environment
from lab.toolchain.errors import ToolchainError
from lab.toolchain.prepare import Toolchain, prepare

__all__ = ["Toolchain", "ToolchainError", "environment", "prepare"]
