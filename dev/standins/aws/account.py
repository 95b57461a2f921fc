"""The account of the aws stand-in: a file that holds what exists in it, and what shall go wrong."""

import contextlib
import ipaddress
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dev.lab.system import locked, write
from dev.standins.resource_plugin.plugin import OperationError

REGION = "eu-central-1"
NUMBER = "123456789012"

Entry = dict[str, Any]


def new_account(network: str) -> dict[str, Any]:
    """Return an account with one VPC over `network`, a subnet in each of three zones, and one subnet elsewhere.

    Every subnet has 32 addresses. The images are those that the public parameters name.
    """
    parts = list(ipaddress.ip_network(network).subnets(new_prefix=27))
    found: dict[str, Entry] = {
        "vpc-00000001": {"kind": "vpc", "cidr": network},
        "vpc-00000002": {"kind": "vpc", "cidr": "192.0.2.0/24"},
        "subnet-0000000d": {"kind": "subnet", "vpc": "vpc-00000002", "zone": f"{REGION}a", "cidr": "192.0.2.0/27"},
    }
    for letter, part in zip("abc", parts, strict=False):
        found[f"subnet-0000000{letter}"] = {
            "kind": "subnet",
            "vpc": "vpc-00000001",
            "zone": f"{REGION}{letter}",
            "cidr": str(part),
        }
    images = {"ami-0000000a": "x86_64", "ami-0000000b": "arm64"}
    found |= {name: {"kind": "image", "architecture": architecture} for name, architecture in images.items()}
    linux = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default"
    parameters = {
        "/aws/service/debian/release/12/latest/amd64": "ami-0000000a",
        "/aws/service/debian/release/12/latest/arm64": "ami-0000000b",
        f"{linux}-x86_64": "ami-0000000a",
        f"{linux}-arm64": "ami-0000000b",
    }
    return {"entries": found, "parameters": parameters, "faults": [], "exhausted": []}


class Account:
    """Reads and changes the account's file; safe among processes.

    Its folder also holds the volumes' image files and `calls`, a line for each call that was begun or ended.
    """

    def __init__(self, folder: Path, network: str) -> None:
        """Take the folder; the account is made when it is missing, over the IPv4 network given."""
        self.folder = folder
        self.file = folder / "account.json"
        self.network = network
        with locked(folder / "lock"):
            if not self.file.exists():
                self._save(new_account(network))

    def clear(self) -> None:
        """Make the account as new. What stood behind it is left alone."""
        with locked(self.folder / "lock"):
            self._save(new_account(self.network))
            (self.folder / "calls").unlink(missing_ok=True)

    @contextlib.contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Hold the whole account; it is written when the block ends without an error."""
        with locked(self.folder / "lock"):
            found = self.load()
            yield found
            self._save(found)

    def load(self) -> dict[str, Any]:
        """Return the whole account."""
        found = json.loads(self.file.read_text())
        assert isinstance(found, dict)
        return found

    def entries(self, kind: str) -> dict[str, Entry]:
        """Return what there is of a kind, by id."""
        return {key: entry for key, entry in self.load()["entries"].items() if entry["kind"] == kind}

    def find(self, kind: str, key: str, error: str) -> Entry:
        """Return one entry; raise an `OperationError` with AWS's `error` code when it is not there."""
        found = self.entries(kind).get(key)
        if found is None:
            raise OperationError(f"api error {error}: The {kind} ID '{key}' does not exist")
        return found

    def add(self, prefix: str, entry: Entry) -> str:
        """Note something new and return its id."""
        key = new_id(prefix)
        with self.change() as account:
            account["entries"][key] = entry
        return key

    def set(self, key: str, **values: Any) -> None:
        """Change fields of one entry."""
        with self.change() as account:
            account["entries"][key] |= values

    def drop(self, key: str) -> None:
        """Forget one entry."""
        with self.change() as account:
            account["entries"].pop(key, None)

    def fail(self, token: str, operation: str, name: str, message: str, times: int = 1) -> None:
        """Let the next calls fail: `operation` (create, update, delete) of resources with `name` in their names."""
        fault = {"token": token, "operation": operation, "name": name, "message": message, "times": times}
        with self.change() as account:
            account["faults"].append(fault)

    def lose(self, token: str, operation: str, name: str) -> None:
        """Let the plugin die once right after a call of resources with `name` in their names: nobody hears of it."""
        with self.change() as account:
            account["faults"].append({"token": token, "operation": operation, "name": name, "message": "", "times": 1})

    def meet_loss(self, token: str, operation: str, name: str) -> None:
        """Do what `lose` asked for: end this process."""
        with self.change() as account:
            for fault in account["faults"]:
                if (fault["token"], fault["operation"]) == (token, operation) and fault["name"] in name:
                    if fault["message"]:
                        continue
                    account["faults"].remove(fault)
                    break
            else:
                return
        os._exit(1)

    def exhaust(self, instance_type: str, *zones: str) -> None:
        """Let EC2 have no capacity for an instance type in these zones."""
        with self.change() as account:
            account.setdefault("exhausted", []).extend([instance_type, zone] for zone in zones)

    def note_call(self, call: str, key: str) -> None:
        """Note a call of EC2's own that another one of the provider makes on its way."""
        self._note("call", call, "", key)

    def calls_of(self, call: str) -> list[str]:
        """Return the ids that a call was made for, such as `StopInstances`, one for each time."""
        return [words[4] for words in self.calls() if words[1:3] == ["call", call]]

    def meet_fault(self, token: str, operation: str, name: str) -> None:
        """Raise what `fail` asked for, as often as it did."""
        with self.change() as account:
            for fault in account["faults"]:
                wanted = (fault["token"], fault["operation"]) == (token, operation) and fault["message"]
                if wanted and fault["name"] in name:
                    fault["times"] -= 1
                    account["faults"] = [each for each in account["faults"] if each["times"] > 0]
                    message = fault["message"]
                    break
            else:
                return
        raise OperationError(message)

    @contextlib.contextmanager
    def noted(self, token: str, operation: str, name: str) -> Iterator[None]:
        """Note a call's begin and end in `calls`."""
        kind = token.rpartition(":")[2]
        self._note("begin", operation, kind, name)
        try:
            yield
        finally:
            self._note("end", operation, kind, name)

    def calls(self) -> list[list[Any]]:
        """Return the calls: time, begin or end, operation, type, name."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def _note(self, *words: str) -> None:
        line = json.dumps([time.time(), *words]) + "\n"
        handle = os.open(self.folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def _save(self, account: dict[str, Any]) -> None:
        write(self.file, json.dumps(account, indent=1) + "\n", 0o600)


def new_id(prefix: str) -> str:
    """Return a new id, such as i-0123456789abcdef0."""
    return f"{prefix}-0{secrets.token_hex(8)}"


def arn(service: str, what: str) -> str:
    """Return the name of a resource."""
    return f"arn:aws:{service}:{REGION}:{NUMBER}:{what}"
