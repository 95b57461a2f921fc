"""No secret value leaves in a message."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_cluster.settings import SettingsError, load
from tests.unit.settings.settings_samples import LOGIN_KEY, authority, loaded, raw

# Words that no message has by itself.
SECRETS = st.text(st.sampled_from("qxzQXZ0789!§\"'\\/\n\t "), min_size=6, max_size=200).map(lambda text: f"zq{text}qz")
PLACES = [
    ("ssh", "private_key"),
    ("ssh", "passphrase"),
    ("ssh", "bastion", "private_key"),
    ("ssh", "bastion", "passphrase"),
    ("ca", "client", "private_key"),
    ("ca", "peer", "private_key"),
]
CERTIFICATE, _ = authority()


def told(settings: dict[str, Any], secret_keys: tuple[str, ...]) -> str:
    try:
        _, warnings = load(settings, secret_keys)
    except SettingsError as error:
        return str(error)
    return "\n".join(warnings)


def placed(settings: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    part = settings
    for name in place[:-1]:
        part = part.setdefault(name, {})
    part[place[-1]] = value
    return settings


@given(secret=SECRETS, place=st.sampled_from(PLACES), broken=st.booleans())
def test_a_secret_setting_is_never_shown(secret: str, place: tuple[str, ...], broken: bool) -> None:
    settings = raw(ca={"client": {"certificate": CERTIFICATE}}, **({"version": 1} if broken else {}))
    text = told(placed(settings, place, secret), ())
    assert secret not in text
    assert json.dumps(secret)[1:-1] not in text


@given(
    secret=SECRETS,
    place=st.sampled_from(
        [
            ("version",),
            ("client_port",),
            ("nodes",),
            ("nodes", "a", "address"),
            ("nodes", "a", "ssh", "host_key"),
            ("ssh",),
            ("ssh", "user"),
            ("ssh", "known_hosts_file"),
            ("etcd", "heartbeat-interval"),
            ("etcd", "experimental-corrupt-check-time"),
            ("etcd", "unheard-of"),
            ("clients", "admin", "common_name"),
            ("binaries", "http_proxy"),
            ("binaries", "checksums_file"),
            ("paths", "data_dir"),
        ]
    ),
)
def test_no_value_below_a_secret_key_is_shown(secret: str, place: tuple[str, ...]) -> None:
    text = told(placed(raw(), place, secret), (place[0],))
    assert secret not in text
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in text
    assert "zq" not in text, "a part of it is shown"


@pytest.mark.parametrize("place", [("ssh",), ("nodes",), ("nodes", "a"), ("ca",), ("ca", "client"), ("ssh", "bastion")])
def test_text_where_a_map_belongs_is_not_shown(place: tuple[str, ...]) -> None:
    text = told(placed(raw(), place, "hunter2"), ())
    assert "expected a mapping" in text and "got text." in text
    assert "hunter2" not in text


@pytest.mark.parametrize("place", [("user",), ("ssh", "user"), ("nodes", "a", "address"), ("binaries", "archive_dir")])
def test_a_private_key_in_the_wrong_place_is_not_shown(place: tuple[str, ...]) -> None:
    text = told(placed(raw(), place, LOGIN_KEY), ())
    assert "invalid value [secret]; expected" in text
    assert "PRIVATE KEY" not in text


def test_the_settings_do_not_show_secrets_when_they_are_printed() -> None:
    certificate, key = authority()
    settings = loaded(ca={"client": {"certificate": certificate, "private_key": key}})
    for text in (repr(settings), str(settings), repr(settings.connection("a"))):
        assert "PRIVATE KEY" not in text


def test_the_name_that_is_meant_is_shown_below_a_secret_key() -> None:
    text = told(raw(etcd={"heartbeat-intervall": "hunter2"}), ("etcd",))
    assert text == 'etcd.heartbeat-intervall: unknown etcd 3.6 option; did you mean "heartbeat-interval"?'
