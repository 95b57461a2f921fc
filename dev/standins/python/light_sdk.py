"""Lets a stand-in load the SDK's gRPC classes without the rest of the SDK.

`import pulumi` costs about 0.2 s of processor time, and the engine starts three or four of these processes in a run.
They need only `pulumi.runtime.proto`, so both its parent packages are entered as plain namespaces.
"""

import importlib.machinery
import sys
import types


def enter() -> None:
    """Enter the namespaces. Only for a process that needs no other part of the SDK, and before anything imports it."""
    spec = importlib.machinery.PathFinder.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the Pulumi SDK is not installed in this Python")
    root = spec.submodule_search_locations[0]
    for name, path in (("pulumi", root), ("pulumi.runtime", f"{root}/runtime")):
        module = types.ModuleType(name)
        module.__path__ = [path]
        sys.modules[name] = module
