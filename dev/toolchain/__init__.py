"""The Pulumi CLI and its plugins: found, downloaded or made, in a cache folder of the project's own."""

from dev.toolchain.environment import environment
from dev.toolchain.errors import ToolchainError
from dev.toolchain.prepare import Toolchain, prepare

__all__ = ["Toolchain", "ToolchainError", "environment", "prepare"]
