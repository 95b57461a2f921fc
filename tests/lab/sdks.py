"""The package's schema and SDKs, as the CLI and the toolchain write them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from dev.toolchain import environment
from tests.lab.harness import CHECKOUT, Program


def schema_of(program: Program) -> dict[str, Any]:
    """Return the package's schema as the CLI prints it."""
    done = program.run("package", "get-schema", str(CHECKOUT / "provider"))
    assert done.returncode == 0, done.stdout
    # Beside it stands that dependencies are installed.
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") : done.stdout.rindex("}") + 1])
    return found


def write_sdks(program: Program) -> Path:
    """Write the package's SDKs in Go, TypeScript and Python, and return their folder."""
    schema, folder = program.project / "schema.json", program.folder / "sdks"
    schema.write_text(json.dumps(schema_of(program)))
    if writer := shutil.which("sdks", path=environment()["PATH"]):
        subprocess.run([writer, schema, folder], check=True, timeout=60)
        return folder
    for language in ("go", "nodejs", "python"):
        done = program.run("package", "gen-sdk", "schema.json", "--language", language, "--out", str(folder))
        assert done.returncode == 0, done.stdout
    return folder
