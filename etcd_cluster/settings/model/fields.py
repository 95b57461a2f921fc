"""The types of single settings: what is accepted, how it is normalized, and what is said when it is refused."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from etcd_cluster.settings import locations
from etcd_cluster.settings.problems import InvalidValue

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def whole(low: int, high: int, unit: str = "") -> BeforeValidator:
    """Accept whole numbers from `low` to `high`, also written as text, as `pulumi config set` leaves them."""

    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            of = f" of {unit}" if unit else ""
            raise InvalidValue(f"a whole number{of} from {low} to {high}")
        return value

    return BeforeValidator(check)


def matching(pattern: str, expected: str, why: str = "") -> BeforeValidator:
    """Accept text that matches the whole of `pattern`."""
    compiled = re.compile(pattern)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise InvalidValue(expected, why)
        return value

    return BeforeValidator(check)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise InvalidValue("true or false")


def _text(value: Any) -> str:
    if isinstance(value, (bool, int, float)):
        raise InvalidValue("text", action="Put the value in quotes.")
    if not isinstance(value, str) or not value.strip() or CONTROL.search(value):
        raise InvalidValue("text of one line, not empty", action="Leave the setting out to get its default.")
    return value


def _secret_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue("text, not empty", action="Set it with `pulumi config set --secret`, or leave it out.")
    return value


def _local_path(value: Any) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip() or CONTROL.search(value) or len(value) > 4096:
        raise InvalidValue(
            "the path of a file or folder on this machine",
            action="To give the content itself, use the setting without `_file`.",
        )
    return Path(value)


def _http_url(value: Any) -> str:
    pattern = r"https?://(?:[^\s/@?#]+@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:/[^\s?#]*)?"
    if not isinstance(value, str) or not re.fullmatch(pattern, value) or CONTROL.search(value):
        raise InvalidValue("an http:// or https:// URL without a query")
    return value.rstrip("/")


def _option_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    allowed = "text of one line, a number, or true or false"
    if value is None or value in ("", [], ()):
        why = "etcd ignores an empty value from its environment."
        raise InvalidValue(allowed, why, "Leave the option out to get its default.")
    if isinstance(value, (list, tuple)):
        raise InvalidValue(allowed, "The option takes one value.", "Write it without a list.")
    if isinstance(value, Mapping):
        raise InvalidValue(
            allowed, "etcd has no maps in its options.", "Write it in one line, as on etcd's command line."
        )
    if not isinstance(value, str) or CONTROL.search(value):
        raise InvalidValue(allowed)
    return value


def _as_text(check: Callable[[str], str]) -> BeforeValidator:
    """Accept text that passes `check`, which raises `InvalidValue`."""

    def run(value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidValue("text", action="Put the value in quotes.")
        return check(value)

    return BeforeValidator(run)


Flag = Annotated[bool, BeforeValidator(_flag)]
Text = Annotated[str, BeforeValidator(_text)]
SecretText = Annotated[str, BeforeValidator(_secret_text)]
PublicPem = Annotated[str, BeforeValidator(_secret_text)]
LocalPath = Annotated[Path, BeforeValidator(_local_path)]
HttpUrl = Annotated[str, BeforeValidator(_http_url)]
OptionValue = Annotated[str, BeforeValidator(_option_value)]
Address = Annotated[str, _as_text(locations.normalized_address)]
AlternativeName = Annotated[str, _as_text(locations.alternative_name)]
HostDirectory = Annotated[str, _as_text(locations.normalized_directory)]
Port = Annotated[int, whole(1, 65535)]
Seconds = Annotated[int, whole(1, 86_400, "seconds")]
Days = Annotated[int, whole(1, 36_500, "days")]
Account = Annotated[
    str,
    matching(
        r"(?!root\Z)[a-z_][a-z0-9_-]{0,31}",
        "a Linux account name of up to 32 lower-case letters, digits, - and _, not root",
        "etcd runs under an account of its own, so that a fault in it cannot touch the rest of the host.",
    ),
]
LoginName = Annotated[
    str, matching(r"[A-Za-z_][A-Za-z0-9_.@\\+-]{0,63}", "the name of an account that may log in over SSH")
]
ClusterName = Annotated[
    str,
    matching(
        r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?",
        "up to 40 lower-case letters, digits and hyphens, with a letter or digit at both ends",
        "It becomes part of resource names.",
    ),
]
EtcdId = Annotated[
    str,
    matching(
        r"[0-9a-f]{1,16}",
        "an id as etcd prints it: up to 16 lower-case hexadecimal digits, in quotes",
        "Without quotes YAML may read it as a number.",
    ),
]
Sha256 = Annotated[str, matching(r"[0-9a-f]{64}", "a SHA-256 sum: 64 lower-case hexadecimal digits")]
Country = Annotated[str, matching(r"[A-Z]{2}", "a country code of two capital letters, such as KR")]
Token = Annotated[str, matching(r"[A-Za-z0-9._:-]{1,128}", "up to 128 letters, digits and the characters . _ : -")]


class Part(BaseModel):
    """A frozen group of settings that knows no other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: Any) -> Any:
        """Read a key without a value, as in `clients: {admin: }`, as an empty group."""
        return {} if value is None else value


NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
NAME_ALLOWED = "up to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at both ends"
