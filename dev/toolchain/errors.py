"""What can go wrong with the toolchain."""


class ToolchainError(Exception):
    """No fit toolchain can be found or made; the message says why and what to do."""
