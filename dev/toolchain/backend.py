"""Where state is kept and how its secrets are encrypted, unless the user has a backend of their own."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dev import cache

PROJECT = Path(__file__).parents[2] / "Pulumi.yaml"


def variables(given: Mapping[str, str]) -> dict[str, str]:
    """Return the backend's variables to add to the environment `given`.

    A user's own backend (`PULUMI_BACKEND_URL`, a login, an access token, `backend:` in Pulumi.yaml) stays as it is,
    passphrase and all. Else state lies in the cache folder, encrypted with a random passphrase kept in another one.
    """
    credentials = _credentials(given)
    if any(given.get(name) for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN")) or _project_has_backend():
        return _login(credentials)
    if credentials is not None:
        return _login(credentials)
    state = cache.root() / "state"
    state.mkdir(parents=True, exist_ok=True)
    found = {"PULUMI_BACKEND_URL": f"file://{state}"}
    if "PULUMI_CONFIG_PASSPHRASE" not in given and "PULUMI_CONFIG_PASSPHRASE_FILE" not in given:
        found["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase_file())
    return found


def _login(credentials: Path | None) -> dict[str, str]:
    """Let the CLI, whose `PULUMI_HOME` is the project's, find the user's login."""
    return {"PULUMI_CREDENTIALS_PATH": str(credentials)} if credentials else {}


def _credentials(given: Mapping[str, str]) -> Path | None:
    """Return the folder of the user's login, if there is one."""
    home = given.get("PULUMI_HOME") or str(Path.home() / ".pulumi")
    folder = Path(given.get("PULUMI_CREDENTIALS_PATH") or home)
    try:
        stored = json.loads((folder / "credentials.json").read_bytes())
    except (OSError, ValueError):
        return None
    return folder.absolute() if isinstance(stored, dict) and stored.get("current") else None


def _project_has_backend() -> bool:
    try:
        lines = PROJECT.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith("backend:") for line in lines)


def _passphrase_file() -> Path:
    """Return the file with the generated passphrase; make it, readable by its owner only, if it is not there."""
    file = cache.root() / "passphrase" / "passphrase"
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_name(f"passphrase.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(32))
        try:
            # Of several processes that get here at once, one wins and all use its file.
            os.link(unfinished, file)
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    return file
