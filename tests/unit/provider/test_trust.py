"""What Preflight makes of a change of CAs and certificate names, before any key is touched."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.certificates import rotation
from etcd_cluster.observation.facts import HostFacts, Stamp
from etcd_cluster.preflight import trust_changes
from etcd_cluster.rendering import revision
from etcd_cluster.settings import Authority, CertificateAuthorities, Certificates
from provider.resources.preflight import Preflight
from tests.unit import samples as core_samples
from tests.unit.provider.test_adoption import authority, running
from tests.unit.provider.test_resources import MEMBER, PREFLIGHT, Hosts, check, hosts

__all__ = ["hosts"]

STAMP = Stamp("o", "h", "a", "org/project/dev")


def serving(**changes: Any) -> HostFacts:
    loaded = running().loaded_trust
    assert loaded
    seen = core_samples.serving("a", names="a", fetch_tool="curl", stamp=STAMP, **changes)
    return replace(seen, loaded_trust=replace(loaded, peer_name="etcd"))


def inputs(
    ca: CertificateAuthorities | None = None, certificates: Certificates | None = None, **changes: Any
) -> dict[str, Any]:
    """Return Preflight's inputs as the program makes them of these settings."""
    ca, made = ca or CertificateAuthorities(), certificates or Certificates()
    described = {"client": rotation.described(ca.client)}
    described["peer"] = described["client"] if ca.shared else rotation.described(ca.peer)
    options = {"peer-cert-allowed-cn": made.subject.common_name} if ca.shared else {}
    return {
        **PREFLIGHT,
        "members": {"a": replace(MEMBER, options=options).inputs()},
        "authorities": described,
        "certificates": rotation.described_certificates(made, shared=ca.shared),
        **changes,
    }


def known(given: dict[str, Any]) -> dict[str, Any]:
    """Return the same as a state holds it once the member serves."""
    return {**given, "owner": "o", "born": ["a"], "cluster_id": core_samples.CLUSTER}


SHARED = CertificateAuthorities(shared=True)
JUMP = CertificateAuthorities(peer=Authority(generation=2))
NAMED = Certificates.model_validate({"subject": {"common_name": "example"}})


@pytest.mark.parametrize(
    ("before", "after", "setting"),
    [
        pytest.param(inputs(), inputs(JUMP), "ca.peer", id="a jump"),
        pytest.param(inputs(), inputs(SHARED), "ca.shared", id="shared from now on"),
        pytest.param(inputs(SHARED), inputs(), "ca.shared", id="no longer shared"),
        pytest.param(inputs(SHARED), inputs(SHARED, NAMED), "certificates.subject.common_name", id="peers' name"),
    ],
)
def test_what_would_part_members_or_clients_is_refused(
    hosts: Hosts, before: dict[str, Any], after: dict[str, Any], setting: str
) -> None:
    demanded = before["members"]["a"]["options"].get("peer-cert-allowed-cn")
    environment = f'ETCD_PEER_CERT_ALLOWED_CN="{demanded}"\n' if demanded else ""
    hosts.seen = {"a": serving(active_environment=environment)}
    for state in (known(before), {key: value for key, value in known(before).items() if key != "certificates"}):
        (failure,) = check(hosts, state, after)[1]
        assert failure.startswith(f"{setting}: ")
    hosts.seen = {"a": core_samples.empty(stamp=STAMP, fetch_tool="curl")}
    assert check(hosts, {**known(before), "born": [], "cluster_id": ""}, after)[1] == [], "nobody relies on it yet"


MADE_FROM: list[tuple[dict[str, Any], str]] = [
    ({"subject": {"organization": "Example"}}, "certificates.subject.organization (unset) → Example"),
    ({"algorithm": "RSA"}, "certificates.algorithm ECDSA → RSA"),
    ({"ecdsa_curve": "P384"}, "certificates.ecdsa_curve P256 → P384"),
    ({"ca_validity_days": 400}, "certificates.ca_validity_days 3650 → 400"),
]


@pytest.mark.parametrize(("change", "named"), MADE_FROM)
def test_a_change_that_waits_for_the_next_generation_is_told_once(
    hosts: Hosts, change: dict[str, Any], named: str
) -> None:
    hosts.seen = {"a": serving()}
    old, new = known(inputs()), inputs(certificates=Certificates.model_validate(change))
    checked, failures = check(hosts, old, new)
    assert failures == []
    (told,) = [line for line in hosts.told if "next generation" in line]
    assert named in told and "generation 1 of ca.client and generation 1 of ca.peer stay as they were made" in told
    assert asyncio.run(Preflight(hosts).diff({**old, "connections": checked["connections"]}, checked)) == []
    check(hosts, checked, new)
    assert len([line for line in hosts.told if "next generation" in line]) == 1, "not again"


def test_nothing_is_told_of_generated_cas_where_there_are_none(hosts: Hosts) -> None:
    hosts.seen = {"a": serving()}
    own = CertificateAuthorities.model_validate(
        {name: {"certificate": authority(name)[1], "private_key": "key"} for name in ("client", "peer")}
    )
    check(hosts, known(inputs(own)), inputs(own, Certificates.model_validate({"algorithm": "RSA"})))
    assert not [line for line in hosts.told if "next generation" in line]


def test_the_names_that_a_former_version_gave_are_no_change(hosts: Hosts) -> None:
    text = authority("client")[1]
    own = inputs(CertificateAuthorities(client=Authority(certificate=text, private_key="key")))
    name = "CA 0123"
    former = {"issuer": name, "trusts": [name], "texts": [text.replace("\n", "\r\n")]}
    state = {**known(own), "authorities": {**own["authorities"], "client": former}}
    del state["certificates"]
    assert asyncio.run(Preflight(hosts).diff(state, known(own))) == ["authorities"], "another CA is one"
    key = rotation.pem.key_identities(text)[0]
    state["authorities"]["client"] = {**former, "issuer": f"CA {key}", "trusts": [f"CA {key}"]}
    assert asyncio.run(Preflight(hosts).diff(state, known(own))) == []


def test_members_keep_the_addresses_that_they_had_before(hosts: Hosts) -> None:
    before, moved = inputs(), replace(MEMBER, address="2001:db8::1")
    hosts.seen = {"a": serving(active_environment=revision.environment_text(revision.environment(MEMBER)))}
    for keep in (True, False):
        described = rotation.described_certificates(Certificates(), shared=False, keep_former_addresses=keep)
        after = inputs(certificates=None, members={"a": moved.inputs()})
        after["certificates"] = described
        checked, failures = check(hosts, known(before), after)
        assert failures == []
        assert checked["members"]["a"].get("former_addresses", []) == (["192.0.2.1"] if keep else [])
        updated = asyncio.run(Preflight(hosts).update("urn", known(before), checked))
        assert updated["members"] == checked["members"]


def test_members_that_did_not_move_stay_as_the_state_has_them(hosts: Hosts) -> None:
    without = {key: value for key, value in MEMBER.inputs().items() if key != "paths"}
    paths = {key: value for key, value in MEMBER.inputs()["paths"].items() if value is not None}
    given = inputs(members={"a": {**without, "paths": paths}})
    given["certificates"] = {**given["certificates"], "keep_former_addresses": True}
    hosts.seen = {"a": serving(active_environment=revision.environment_text(revision.environment(MEMBER)))}
    assert check(hosts, known(given), given)[0]["members"] == given["members"]


def test_a_jump_is_refused_where_every_node_is_another_one_too(hosts: Hosts) -> None:
    # The members that a tells of are a, b and c: z has never had one.
    connection = {**PREFLIGHT["connections"]["a"], "host": "192.0.2.2"}
    other = {
        "members": {"z": replace(MEMBER, name="z", address="192.0.2.2").inputs()},
        "connections": {"z": connection},
        "architectures": {"z": None},
    }
    hosts.seen = {"a": serving(), "z": core_samples.empty(fetch_tool="curl")}
    assert check(hosts, known(inputs()), inputs(**other))[1] == []
    (failure,) = check(hosts, known(inputs()), inputs(JUMP, **other))[1]
    assert failure.startswith("ca.peer: ")


def test_a_ca_issues_only_once_all_members_trust_it(hosts: Hosts) -> None:
    both = Authority(trust_generations=(1, 2))
    issues = Authority(generation=2, trust_generations=(1, 2))
    before, after = (inputs(CertificateAuthorities(client=each)) for each in (both, issues))
    hosts.seen = {"a": serving()}
    (failure,) = check(hosts, known(before), after)[1]
    assert failure.startswith("ca.client: generation 2 is to issue, but the last `up` did not come to its end: a does")
    assert check(hosts, known(before), before)[1] == check(hosts, known(before), inputs())[1] == []
    assert check(hosts, known(after), after)[1] == [], "the switch itself was interrupted"
    loaded = hosts.seen["a"].loaded_trust
    assert loaded
    wide = replace(loaded, client_bundle=loaded.client_bundle | {"another"})
    hosts.seen = {"a": replace(serving(), loaded_trust=wide)}
    assert check(hosts, known(before), after)[1] == []
    hosts.seen = {"a": replace(serving(), loaded_trust=wide)}
    assert check(hosts, known(after), before)[1] == [], "taken back"


@pytest.mark.parametrize("names", [{"certificates": Certificates(extra_names=("lb.example",))}, {}])
def test_a_name_that_certificates_lose_is_told_before(hosts: Hosts, names: dict[str, Any]) -> None:
    own = {} if names else {"a": ["lb.example"]}
    described = [
        rotation.described_certificates(each, shared=False, extra_names=nodes)
        for each, nodes in ((names.get("certificates", Certificates()), own or {"a": []}), (Certificates(), {"a": []}))
    ]
    before, after = ({**inputs(), "certificates": each} for each in described)
    hosts.seen = {"a": serving()}
    assert check(hosts, known(after), before)[1] == [] and not [line for line in hosts.told if "lb.example" in line]
    assert check(hosts, known(before), after)[1] == []
    (told,) = [line for line in hosts.told if "lb.example" in line]
    assert told.startswith("`extra_names`: the certificates of a no longer carry lb.example")
    moved = {**after, "members": {"a": replace(MEMBER, address="lb.example").inputs()}}
    assert trust_changes.lost_names(before, after) == [told] and trust_changes.lost_names(before, moved) == []
    former = {**known(before), "certificates": {"shared": False}}
    assert check(hosts, former, after)[1] == [], "a former version noted no names"
