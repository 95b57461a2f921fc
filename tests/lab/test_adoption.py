"""A cluster that the state no longer knows: `up` recognises its own on the hosts and never makes another over it."""

import json
from pathlib import Path

import pytest

from tests.lab.authorities import Authority
from tests.lab.conftest import MakeHosts, MakeStack
from tests.lab.harness import Stack
from tests.lab.outside import Client, Writer

pytestmark = [pytest.mark.lab, pytest.mark.long]


def _is(stack: Stack, cluster_id: str, ids: list[str]) -> None:
    """Check that a stack has this cluster, healthy, and that the `up` left nothing to do."""
    assert stack.output("cluster_id") == cluster_id
    assert stack.cluster_ids() == {cluster_id}
    assert [(each["id"], each["healthy"]) for each in stack.output("members")] == [(each, True) for each in ids]
    assert stack.preview("--expect-no-changes").returncode == 0


def _ids(stack: Stack) -> list[str]:
    return [each["id"] for each in stack.output("members")]


def test_a_rollout_that_was_deleted_from_the_state_comes_back(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path
) -> None:
    stack = make_stack(fresh(3))
    stack.up()
    cluster_id, ids, pids, client = stack.output("cluster_id"), _ids(stack), stack.pids(), Client(stack, tools)
    resources = json.loads(stack.export())["deployment"]["resources"]
    (urn,) = [each["urn"] for each in resources if each["type"] == "etcd:index:Rollout"]
    with Writer(client) as writer:
        done = stack.run("state", "delete", urn, "--target-dependents", "--yes", config_file=False)
        assert done.returncode == 0, done.stdout
        stack.up()
    writer.served_all(client)
    assert stack.pids() == pids
    _is(stack, cluster_id, ids)


def test_with_authorities_of_ones_own_a_lost_state_is_made_anew_and_nothing_stops(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, tmp_path: Path
) -> None:
    hosts = fresh(3)
    authorities = {purpose: Authority(f"our CA for {purpose}s") for purpose in ("client", "peer")}
    ca = {
        purpose: {
            "certificate": each.pair.certificate,
            "private_key_file": str(each.write_key(tmp_path / f"{purpose}-key.pem")),
        }
        for purpose, each in authorities.items()
    }
    lost = make_stack(hosts, ca=ca)
    lost.up()
    cluster_id, ids, pids, client = lost.output("cluster_id"), _ids(lost), lost.pids(), Client(lost, tools)
    stranger = make_stack(hosts)
    assert (
        "of a stack of this very name, organization/etcd-cluster/test, whose identity is not in the state"
        in stranger.refused()
    )
    stack = make_stack(hosts, ca=ca)
    with Writer(client) as writer:
        said = stack.up().stdout
    writer.served_all(client)
    assert "it is adopted" in said
    assert stack.pids() == pids
    Client(stack, tools).put("after", "the loss")
    _is(stack, cluster_id, ids)


def test_with_generated_authorities_a_lost_state_is_made_anew_by_the_bundles_on_the_hosts(
    fresh: MakeHosts, make_stack: MakeStack, tools: Path, tmp_path: Path
) -> None:
    hosts = fresh(3)
    lost = make_stack(hosts)
    lost.up()
    cluster_id, ids, old = lost.output("cluster_id"), _ids(lost), Client(lost, tools)
    stack = make_stack(hosts)
    ca = {}
    for purpose in ("client", "peer"):
        file = tmp_path / f"{purpose}-ca.pem"
        file.write_text(hosts[0].run(f"cat /etc/etcd/current/{purpose}-ca.pem").stdout)
        ca[purpose] = {"trust_certificates_file": str(file)}
    stack.config["ca"] = ca
    with Writer(old) as writer:
        said = stack.up().stdout
    assert "it is adopted" in said
    client = Client(stack, tools)
    writer.verify(client)
    _is(stack, cluster_id, ids)
    del stack.config["ca"]
    with Writer(client) as writer:
        stack.up()
    writer.served_all(Client(stack, tools))
    assert stack.output("ca_certificate").count("BEGIN CERTIFICATE") == 1
    _is(stack, cluster_id, ids)
