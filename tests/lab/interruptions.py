"""Runs that are cut short, what the user does then, and what must hold after it."""

from collections.abc import Callable, Sequence

from dev.lab.hosts import Host
from dev.lab.system import until
from tests.lab.harness import Completed, Run, Stack, main_pid
from tests.lab.outside import Client, Writer

CRASH_VARIABLE = "ETCD_CLUSTER_CRASH_AT"
# What the passing of 45 s does to the lease of a run that is certainly gone; where a run is killed, it is waited for.
_LEASE_ENDS = "if [ -f /run/etcd-cluster/lease ]; then sed -i 's/ .*/ 0/' /run/etcd-cluster/lease; fi"


def crash(stack: Stack, point: str) -> str:
    """Run `up` until its provider crashes at a named point; `name:2` is the second time that it gets there."""
    stack.variables[CRASH_VARIABLE] = point
    try:
        done = stack.try_up()
    finally:
        del stack.variables[CRASH_VARIABLE]
    assert done.returncode != 0, f"no step came to {point}:\n{done.stdout[-4000:]}"
    assert f"crashed as asked at {point}" in done.stdout, done.stdout[-4000:]
    for host in stack.hosts.values():
        host.run(_LEASE_ENDS)
    return done.stdout


def cut_short(stack: Stack, due: Callable[[Run], bool], *, engine_alone: bool = False, seconds: float = 90) -> Run:
    """Run `up`, kill it once `due` holds, the engine alone or all that it had started too, and return it."""
    run = stack.start_up()
    assert until(lambda: run.has_ended or due(run), seconds), run.output[-4000:]
    assert not run.has_ended, f"`up` ended before it could be killed:\n{run.output[-4000:]}"
    if engine_alone:
        run.kill_engine()
    else:
        run.kill()
    return run


def recover(stack: Stack) -> Completed:
    """Run `up` until it is through, with what Pulumi itself asks for and nothing else."""
    done = stack.try_up()
    if "the stack is currently locked" in done.stdout:
        assert stack.run("cancel", "--yes", config_file=False).returncode == 0
        done = stack.try_up()
    assert done.returncode == 0, f"the next up failed:\n{done.stdout[-6000:]}"
    if "--clear-pending-creates" in done.stdout:
        stack.refresh("--clear-pending-creates")
    return done


def running_with(host: Host, variable: str) -> str:
    """Return a variable of etcd's environment on a host; empty where it does not run or has none."""
    script = 'tr "\\0" "\\n" <"/proc/$(systemctl show -p MainPID --value etcd)/environ" | sed -n "s/^$1=//p"'
    done = host.run(script, args=[variable], check=False)
    return done.stdout.strip()


def is_restarting(stack: Stack, before: dict[str, int]) -> bool:
    """Return whether any member has ended or started since `before`."""
    return any(main_pid(stack.hosts[node]) != pid for node, pid in before.items())


def is_whole(stack: Stack, client: Client, nodes: Sequence[str]) -> None:
    """Check that these nodes, and no others, are one healthy cluster."""
    outputs = stack.outputs()
    assert [(member["name"], member["healthy"]) for member in outputs["members"]] == [(node, True) for node in nodes]
    listed = client.json("member", "list")["members"]
    assert sorted(member.get("name", "") for member in listed) == sorted(nodes)
    assert not [member for member in listed if member.get("isLearner")]
    bootstrapped = {stack.hosts[node].run("sed -n 's/^cluster=//p' /etc/etcd/born").stdout.strip() for node in nodes}
    assert bootstrapped == {outputs["cluster_id"]}
    for node, host in stack.hosts.items():
        runs = bool(main_pid(host))
        assert runs == (node in nodes), f"etcd on {node} {'runs' if runs else 'does not run'}"
        assert host.run("test ! -e /etc/etcd/bootstrap.env", check=False).returncode == 0, node


def has_all_writes(client: Client, writer: Writer) -> None:
    """Check that every write was acknowledged within the client's own retries, and that none of them is lost."""
    assert writer.failed == []
    assert len(writer.written) > 20
    found = client.run("get", "writer", "--prefix", "--keys-only").stdout.split()
    assert not set(writer.written) - set(found)
