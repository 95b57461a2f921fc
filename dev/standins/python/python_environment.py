"""Which Python runs a program or a plugin, by the runtime options of its `Pulumi.yaml` or `PulumiPlugin.yaml`.

The rules are those of the official language host (sdk/python/toolchain), for the `pip` toolchain.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class UnknownOptionError(Exception):
    """The stand-in does not know a runtime option, or the option does not hold."""


@dataclass(frozen=True)
class PythonEnvironment:
    """A Python interpreter and the environment it starts with."""

    python: str
    virtualenv: Path | None
    option: str

    def variables(self) -> dict[str, str]:
        """Return this process's environment with the virtualenv activated."""
        variables = dict(os.environ)
        if self.virtualenv is not None:
            variables.pop("PYTHONHOME", None)
            variables["VIRTUAL_ENV"] = str(self.virtualenv)
            path = variables.get("PATH")
            binaries = str(self.virtualenv / "bin")
            variables["PATH"] = binaries if path is None else f"{binaries}{os.pathsep}{path}"
        return variables

    def exists(self) -> bool:
        """Tell whether the virtualenv, if one is asked for, has an interpreter."""
        return self.virtualenv is None or (self.virtualenv / "bin" / "python").is_file()

    def require(self) -> None:
        """Raise `UnknownOptionError`, in the official words, if the virtualenv is not there."""
        if self.exists():
            return
        state = (
            "doesn't appear to be a virtual environment"
            if self.virtualenv and self.virtualenv.exists()
            else "doesn't exist"
        )
        python = f"{self.virtualenv}/bin/python"
        raise UnknownOptionError(
            f'The \'virtualenv\' option in Pulumi.yaml is set to "{self.option}", but "{self.virtualenv}" {state}; '
            "run the following commands to create the virtual environment and install dependencies into it:\n\n"
            f"    1. python3 -m venv {self.virtualenv}\n"
            f"    2. {python} -m pip install --upgrade pip setuptools wheel\n"
            f"    3. {python} -m pip install -r requirements.txt\n"
        )


def resolve(root: str, options: Mapping[str, object], *, plugin: bool) -> PythonEnvironment:
    """Return the Python for runtime `options` found below folder `root`.

    A plugin without a `virtualenv` option uses `venv`; a program without one uses the Python on PATH.
    """
    for name, known in (("virtualenv", None), ("toolchain", "pip"), ("typechecker", None)):
        value = options.get(name)
        if value is not None and not isinstance(value, str):
            raise UnknownOptionError(f"{name} option must be a string")
        if value is not None and name != "virtualenv" and value != known:
            raise UnknownOptionError(
                f"the lab's language host does not know runtime option {name}: {value}; "
                "it runs programs from a pip virtualenv only: remove the option, or set ETCD_CLUSTER_PLUGINS to a "
                "folder with the official pulumi-language-python"
            )
    if unknown := sorted(set(options) - {"virtualenv", "toolchain", "typechecker"}):
        raise UnknownOptionError(
            f"the lab's language host does not know runtime option {unknown[0]}; it knows virtualenv and toolchain"
        )
    option = str(options.get("virtualenv") or ("venv" if plugin else ""))
    if option:
        folder = Path(os.path.normpath(Path(root) / option))
        return PythonEnvironment(str(folder / "bin" / "python"), folder, option)
    given = os.environ.get("PULUMI_PYTHON_CMD")
    for name in [given] if given else ["python3", "python"]:
        if found := shutil.which(name):
            return PythonEnvironment(found, None, "")
    raise UnknownOptionError(
        f"no Python on PATH ({given or 'python3, python'}); install it or set the virtualenv option"
    )
