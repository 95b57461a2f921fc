"""What a stack tells its user, and what the program says of settings it cannot use."""

import logging
import shlex
from functools import cache

import pulumi
import pytest

from tests.program.recording import LOGIN_KEY, Deployment, config, deploy, marked

OUTPUTS = {
    "endpoints",
    "leader",
    "members",
    "version",
    "cluster_id",
    "ca_certificate",
    "certificates",
    "clients",
    "etcdctl",
    "kube_apiserver_flags",
    "readme",
}


@cache
def three() -> Deployment:
    return deploy(config(clients={"admin": {}, "kube-apiserver": {"common_name": "kube", "organization": "k8s"}}))


def test_the_stack_has_all_its_outputs() -> None:
    assert set(three().outputs) == OUTPUTS
    assert all(value not in (None, "", [], {}) for value in three().outputs.values())


def test_the_endpoints_stand_in_the_order_of_the_names() -> None:
    assert three().outputs["endpoints"] == [f"https://192.0.2.{number}:2379" for number in (1, 2, 3)]


def test_leader_members_and_version_are_those_of_the_health_check() -> None:
    outputs = three().outputs
    assert (outputs["leader"], outputs["members"], outputs["version"]) == ({"name": "a"}, [{"name": "a"}], "3.6.16")


def test_every_certificate_tells_its_end() -> None:
    nodes = [f"etcd-{number}-{purpose}" for number in (1, 2, 3) for purpose in ("server", "peer")]
    ends = three().outputs["certificates"]
    assert set(ends) == {"ca-client", "ca-peer", *nodes, "client-admin", "client-kube-apiserver"}
    assert ends["etcd-2-peer"] == {"not_after": "end of etcd-etcd-2-certificates-peer-certificate"}


def test_the_keys_of_clients_are_secret_and_their_certificates_are_not() -> None:
    fields = three().raw_outputs.fields["clients"].struct_value.fields["kube-apiserver"].struct_value.fields
    assert {key: marked(value) for key, value in fields.items()} == {
        "certificate": False,
        "private_key": True,
        "not_after": False,
    }
    assert three().outputs["clients"]["kube-apiserver"]["private_key"] == "key of etcd-client-kube-apiserver-key"


def test_no_other_output_is_secret() -> None:
    assert [key for key, value in three().raw_outputs.fields.items() if marked(value)] == []


def test_a_client_has_the_names_that_the_settings_give_it() -> None:
    subject = three().one("etcd-client-kube-apiserver-request").inputs["subject"]
    assert (subject["commonName"], subject["organization"]) == ("kube", "k8s")


def test_the_etcdctl_output_is_a_line_for_a_shell() -> None:
    words = shlex.split(three().outputs["etcdctl"])
    assert words[0] == "/usr/local/bin/etcdctl" and words[1].count("https://") == 3


def test_the_flags_of_kube_apiserver_name_every_endpoint() -> None:
    assert three().outputs["kube_apiserver_flags"].startswith("--etcd-servers=https://192.0.2.1:2379,https://192.0.2.2")


def test_ipv6_endpoints_stand_in_brackets() -> None:
    outputs = deploy(config(nodes={"a": {"address": "2001:db8::1"}}, client_port=12379)).outputs
    assert outputs["endpoints"] == ["https://[2001:db8::1]:12379"]


def test_a_cluster_has_the_name_that_the_settings_give_it() -> None:
    deployment = deploy(config(cluster_name="main"))
    assert deployment.one("main").type == "etcd:index:Cluster"
    assert all(name.startswith("main") for name in deployment.names)


def refused(**changes: object) -> list[str]:
    with pytest.raises(pulumi.RunError) as error:
        deploy(config(**changes))
    return str(error.value).splitlines()


def test_every_mistake_is_told_at_once_and_nothing_is_registered() -> None:
    problems = refused(
        nodes={"a": {"address": "not an address!"}, "b": {"address": "192.0.2.2"}}, version="3", client_port=70000
    )
    assert {problem.split(":")[0] for problem in problems} == {"nodes.a.address", "version", "client_port"}


def test_a_misspelled_namespace_is_refused_whatever_stands_below_it() -> None:
    with pytest.raises(pulumi.RunError) as caught:
        deploy({**config(), "etcd-clutser:etcd": '{"heartbeat-intervall": "300"}'})
    assert [line.partition("?")[0] for line in str(caught.value).splitlines()] == [
        'etcd-clutser:etcd: unknown namespace; did you mean "etcd-cluster:etcd"',
        'etcd.heartbeat-intervall: unknown etcd 3.6 option; did you mean "heartbeat-interval"',
    ]


def test_an_unknown_key_is_told_with_the_nearest_known_one() -> None:
    (problem,) = refused(client_prot=2379)
    assert problem.startswith("client_prot:") and "client_port" in problem


def test_a_setting_in_a_misspelled_namespace_is_the_one_problem() -> None:
    settings = config()
    settings["etcd-clutser:nodes"] = settings.pop("nodes")
    with pytest.raises(pulumi.RunError) as caught:
        deploy(settings)
    assert str(caught.value).splitlines() == [
        (
            'etcd-clutser:nodes: unknown namespace; did you mean "etcd-cluster:nodes"? Nothing reads etcd-clutser, so'
            " the value would be ignored."
        )
    ]


def test_a_stack_without_nodes_is_told_so() -> None:
    settings = config()
    del settings["nodes"]
    with pytest.raises(pulumi.RunError, match=r"^nodes: "):
        deploy(settings)


def test_a_secret_in_the_wrong_place_is_not_shown() -> None:
    problems = refused(ssh={"private_key": f"x{LOGIN_KEY}", "host_key_policy": "accept-new"})
    assert problems and not any("OPENSSH" in problem for problem in problems)


def test_an_even_number_of_members_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        deploy(config(nodes={"a": {"address": "192.0.2.1"}, "b": {"address": "192.0.2.2"}}))
    assert any("nodes" in record.message for record in caplog.records)


@pytest.mark.parametrize(("value", "kind"), [("true", bool), ("yes", str)])
def test_text_of_the_configuration_comes_in_its_kind(value: str, kind: type) -> None:
    if kind is bool:
        assert deploy(config(abandon_unreachable=value)).one("etcd-rollout").inputs["abandon_unreachable"] is True
    else:
        assert refused(abandon_unreachable=value)[0].startswith("abandon_unreachable:")
