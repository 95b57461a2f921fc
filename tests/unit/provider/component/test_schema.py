"""The schema of the package: what programs in other languages see of the component."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from etcd_cluster.health import MemberHealth
from etcd_cluster.settings import Settings
from provider.component import schema

PACKAGE: dict[str, Any] = json.loads(schema.package("1.2.3"))
CLUSTER: dict[str, Any] = PACKAGE["resources"]["etcd:index:Cluster"]
GROUPS: dict[str, Any] = PACKAGE["types"]


def _properties() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return each property: of what it is one, its name, and what the schema says of it."""
    yield from (("inputs", name, spec) for name, spec in CLUSTER["inputProperties"].items())
    yield from (("outputs", name, spec) for name, spec in CLUSTER["properties"].items())
    yield from ((token, name, spec) for token, group in GROUPS.items() for name, spec in group["properties"].items())


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (each for key, inner in value.items() for each in ([inner] if key == "$ref" else _references(inner)))
    elif isinstance(value, list):
        yield from (each for inner in value for each in _references(inner))


def test_every_input_and_output_is_described_in_the_words_of_the_schema() -> None:
    texts = [(*path, spec["description"]) for *path, spec in _properties()]
    texts += [(token, "", group["description"]) for token, group in GROUPS.items()]
    assert len(texts) > 120
    for owner, name, text in texts:
        assert text.endswith("."), (owner, name, text)
        in_words = re.sub(r"known_hosts format|id_ed25519\.pub|etcd_cluster/checksums\.yaml", "", text)
        assert not re.search(r"ec2|EC2|`hosts|[a-z]_[a-z]", in_words), (owner, name, text)


def test_every_setting_is_an_input_but_those_that_only_a_stack_file_has() -> None:
    left_out = {"cluster_name", "hosts", "ec2"}
    assert CLUSTER["inputProperties"].keys() == {
        schema.camel(name) for name in Settings.model_fields if name not in left_out
    }
    assert CLUSTER["requiredInputs"] == ["nodes"]
    assert GROUPS["etcd:index:Node"]["required"] == ["address"]
    assert "ec2" not in GROUPS["etcd:index:Node"]["properties"]


def test_types_refer_to_each_other_and_all_are_used() -> None:
    assert {each.removeprefix("#/types/") for each in _references(PACKAGE)} == GROUPS.keys()


@pytest.mark.parametrize(
    ("token", "name", "kind"),
    [
        ("etcd:index:NodeSsh", "port", {"type": "integer"}),
        ("etcd:index:Snapshots", "beforeUpgrade", {"type": "boolean"}),
        ("etcd:index:Node", "extraNames", {"type": "array", "items": {"type": "string"}}),
        ("etcd:index:Node", "etcd", {"type": "object", "additionalProperties": {"type": "string"}}),
        ("etcd:index:Ssh", "bastion", {"$ref": "#/types/etcd:index:Bastion"}),
    ],
)
def test_a_setting_has_its_type(token: str, name: str, kind: dict[str, Any]) -> None:
    spec = dict(GROUPS[token]["properties"][name])
    del spec["description"]
    assert spec == kind


def test_keys_and_passphrases_are_secrets_and_nothing_else_is() -> None:
    found = {(owner, name) for owner, name, spec in _properties() if spec.get("secret")}
    assert found == {
        ("etcd:index:Ssh", "privateKey"),
        ("etcd:index:Ssh", "passphrase"),
        ("etcd:index:Bastion", "privateKey"),
        ("etcd:index:Bastion", "passphrase"),
        ("etcd:index:Authority", "privateKey"),
        ("etcd:index:ClientCredentials", "privateKey"),
        ("outputs", "clients"),
    }


def test_the_outputs_are_those_of_the_stack_but_its_readme() -> None:
    names = (
        "endpoints leader members version cluster_id ca_certificate certificates clients etcdctl kube_apiserver_flags"
    )
    assert CLUSTER["properties"].keys() == {schema.camel(name) for name in names.split()}
    member = GROUPS["etcd:index:MemberHealth"]["properties"]
    assert member.keys() == {schema.camel(field.name) for field in fields(MemberHealth)}


def test_messages_name_settings_as_the_schema_does() -> None:
    text = "set ssh.host_key_policy to accept-new; a file in known_hosts format; etcd's heartbeat-interval"
    assert schema.in_schema_names(text) == text.replace("host_key_policy", "hostKeyPolicy")
