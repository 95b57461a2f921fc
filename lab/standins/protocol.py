"""The SDK's gRPC classes, loaded without the rest of the SDK.

`import pulumi` costs about 0.2 s of processor time, and the engine starts three or four of these processes in every
run. The protocol needs only `pulumi.runtime.proto`, so both parent packages are entered as plain namespaces.
Modules that need the whole SDK must not import this one.
"""

import importlib.machinery
import sys
import types


def _enter_namespaces() -> None:
    if "pulumi" in sys.modules:
        return
    spec = importlib.machinery.PathFinder.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the Pulumi SDK is not installed in this Python")
    root = spec.submodule_search_locations[0]
    for name, path in (("pulumi", root), ("pulumi.runtime", f"{root}/runtime")):
        module = types.ModuleType(name)
        module.__path__ = [path]
        sys.modules[name] = module


_enter_namespaces()

from pulumi.runtime.proto import (  # noqa: E402  the namespaces come first
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

# The engine's own limit (sdk/go/common/util/rpcutil): 400 MiB a message.
CHANNEL_OPTIONS = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]

__all__ = [
    "CHANNEL_OPTIONS",
    "engine_pb2",
    "engine_pb2_grpc",
    "language_pb2",
    "language_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
]
