"""The environment in which `pulumi` runs."""

import os

from dev.toolchain import backend
from dev.toolchain.prepare import Toolchain, prepare


def variables(toolchain: Toolchain) -> dict[str, str]:
    """Return the variables that differ from this process's environment."""
    path = os.environ.get("PATH", os.defpath)
    first = path.split(os.pathsep)[0]
    changed = {
        "PATH": path if first == toolchain.binaries else f"{toolchain.binaries}{os.pathsep}{path}",
        "PULUMI_HOME": toolchain.home,
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        **backend.variables(os.environ),
    }
    if toolchain.standins:
        changed["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return changed


def environment() -> dict[str, str]:
    """Return this process's environment with the toolchain in it; prepare the toolchain first if need be.

    Raises `ToolchainError`.
    """
    return dict(os.environ) | variables(prepare())
