"""Stand-ins for the parts of Pulumi that a machine without internet cannot download.

They speak the engine's real gRPC protocol and do the work for real: a language host and its program runner, the
launcher of dynamic providers, and the resource plugins `command` and `tls`. What they do not know is an error.
"""
