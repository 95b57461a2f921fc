"""The first login on a new instance: the wait for it, and the change of its host key."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from etcd_cluster import scripts
from etcd_cluster.ec2 import layout
from etcd_cluster.ec2.first_boot import Boot
from etcd_cluster.ec2.user_data import FOLDER
from etcd_cluster.errors import Cancelled, ClusterError, Problem, Unreachable, WrongHostKey
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh.session import Address, Session, connect
from provider.resource import Failure, Properties, Resource
from provider.values import UNKNOWN

# What a host has to know; a change of the rest needs no host that answers.
_FOR_THE_HOST = frozenset({"instance_id", "final_key", "volumes"})
_COMMAND_SECONDS = 60
_AGAIN_SECONDS = 120
_POLL_SECONDS = 1.0
_TELL_SECONDS = 15.0
# sshd may answer before cloud-init has put the key in place, and refuses logins while the machine boots.
_SETTLING_SECONDS = 60.0


class FirstLogin(Resource):
    """`etcd:index:FirstLogin`: waits for SSH and cloud-init, puts the final host key in place, grows file systems.

    Inputs: `node`, `connection` (its host key is not read), `first_key` and `final_key` (public, `TYPE BASE64`),
    `final_private_key` (OpenSSH), `instance_id`, `volumes` (GiB by mount point, 0 for one that is not
    grown), `seconds` (for SSH and cloud-init).
    Output besides: `host_key`, the key that the host shows from then on. Killed anywhere, it goes on from what it
    finds: both keys are ours, and no step minds being taken again.
    """

    type: ClassVar[str] = "etcd:index:FirstLogin"
    secrets: ClassVar[frozenset[str]] = frozenset({"connection", "final_private_key"})

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Refuse other mount points: the instance mounts its volumes where its first boot did."""
        problems = layout.remounted(new["node"], old.get("volumes") or new["volumes"], new["volumes"])
        return new, [Failure("volumes", str(problem)) for problem in problems]

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Leave out a volume that has not grown."""
        changed = await super().diff(state, inputs)
        return [key for key in changed if key != "volumes" or _has_grown(state, inputs)]

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """The final key is known before the host is."""
        return {**inputs, "host_key": _key(inputs["final_key"])}

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Log in."""
        return inputs["node"], await self._log_in(urn, inputs, ())

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Log in where the instance, its key or its volumes are others."""
        if not _FOR_THE_HOST.intersection(await self.diff(state, inputs)):
            return {**state, **inputs}
        return await self._log_in(urn, inputs, (state["final_key"],))

    async def _log_in(self, urn: str, inputs: Properties, former: tuple[str, ...]) -> Properties:
        final = _key(inputs["final_key"])
        address = replace(Address.from_inputs(inputs["connection"]), host_key=final)
        # Whatever was connected there before belongs to another machine.
        await self.context.pool.forget(address.host, address.port)
        self.context.forget_looks()
        wait = _Wait(self, urn, inputs["node"], inputs["seconds"])
        keys = list(dict.fromkeys(_key(key) for key in (final, inputs["first_key"], *former)))
        session = await wait.for_boot(address, keys)
        try:
            if session.host_key != final:
                await self.say(urn, f"Replacing the first host key of {inputs['node']}")
                key = inputs["final_private_key"].encode()
                text = scripts.script("host_key", public=final)
                await session.run(text, stdin=key, seconds=_COMMAND_SECONDS)
                await session.close()
                session = await _Wait(self, urn, inputs["node"], _COMMAND_SECONDS).for_login(address, [final])
            sizes = "".join(f"{point} {size}\n" for point, size in inputs["volumes"].items())
            text = scripts.script("grow_file_systems", seconds=_COMMAND_SECONDS, volumes=sizes)
            await session.run(text, seconds=_COMMAND_SECONDS + _AGAIN_SECONDS)
        finally:
            await session.close()
        await self.context.pool.forget(address.host, address.port)
        return {**inputs, "host_key": final}


class _Wait:
    """A deadline, and what the user hears until it."""

    def __init__(self, resource: FirstLogin, urn: str, node: str, seconds: int) -> None:
        self._resource, self._urn, self._node, self._seconds = resource, urn, node, seconds
        now = asyncio.get_running_loop().time()
        self._started = self._told = now

    @property
    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._started

    async def for_boot(self, address: Address, keys: list[str]) -> Session:
        """Return a session once cloud-init has ended well; the host may reboot meanwhile."""
        while True:
            session = await self.for_login(address, keys)
            try:
                return await self._booted(session)
            except Unreachable as error:
                await session.close()
                words = error.problems[0].what
                await self._pause(f"for SSH: {words}", self._no_way(address, words))
            except BaseException:
                await session.close()
                raise

    async def for_login(self, address: Address, keys: list[str]) -> Session:
        """Return a session with a host that shows one of the keys, the first first."""
        refused_at: float | None = None
        while True:
            try:
                return await self._one_of(address, keys)
            except Unreachable as error:
                refused_at, words = None, error.problems[0].what
            except ClusterError as error:
                bastion = error.problems[0].where != self._node
                refused_at = self._elapsed if refused_at is None else refused_at
                if bastion or self._elapsed - refused_at >= min(_SETTLING_SECONDS, self._seconds):
                    raise
                words = error.problems[0].what
            await self._pause(f"for SSH: {words}", self._no_way(address, words))

    async def _one_of(self, address: Address, keys: list[str]) -> Session:
        for key in keys:
            try:
                return await connect(self._node, replace(address, host_key=key))
            except WrongHostKey as error:
                if error.problems[0].where != self._node:
                    raise
        raise WrongHostKey(
            Problem(
                Reason.HOST_KEY_MISMATCH,
                self._node,
                f"{address.host}:{address.port} shows a host key that this program did not make; "
                "another machine has this address, somebody is in between, or the image sets keys of its own",
                "Compare it with the system log of the instance in the EC2 console",
            )
        )

    async def _booted(self, session: Session) -> Session:
        while True:
            result = await session.run(scripts.script("boot_status"), seconds=_COMMAND_SECONDS)
            boot = Boot.parse(result.stdout)
            if boot.absent:
                raise ClusterError.of(
                    Reason.INSTANCE_NOT_READY,
                    self._node,
                    "its image has no cloud-init that runs",
                    "Choose another image, see docs/ec2.md",
                )
            if boot.ended:
                await self._judge(session, boot)
                return session
            await self._pause(f"for cloud-init, which is at {boot.stage}", self._unfinished(boot))

    async def _judge(self, session: Session, boot: Boot) -> None:
        if not boot.errors:
            return
        if not boot.only_our_script_failed:
            raise ClusterError.of(Reason.INSTANCE_NOT_READY, self._node, f"cloud-init failed: {_told(boot)}\n", _FIX)
        # It ran into its deadline when an earlier run was stopped before the volumes were attached.
        again = await session.run(
            f"exec sh -eu {FOLDER}/prepare.sh {_AGAIN_SECONDS}", seconds=_AGAIN_SECONDS + _COMMAND_SECONDS, check=False
        )
        if again.status != 0:
            raise ClusterError.of(
                Reason.INSTANCE_NOT_READY, self._node, f"its volumes are not ready:\n{again.stderr.strip()}\n", _FIX
            )

    async def _pause(self, what: str, late: ClusterError) -> None:
        if self._elapsed >= self._seconds:
            raise late
        if self._resource.context.cancelled.is_set():
            raise Cancelled(
                Problem(
                    Reason.CANCELLED,
                    self._node,
                    "stopped as asked, before the first login",
                    "Run `pulumi up` again to go on",
                )
            )
        now = asyncio.get_running_loop().time()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            await self._resource.say(self._urn, f"{self._node}: waiting {what} ({self._elapsed:.0f} s)")
        await asyncio.sleep(_POLL_SECONDS)

    def _no_way(self, address: Address, words: str) -> ClusterError:
        by = f" through {address.bastion.host}" if address.bastion else ""
        return Unreachable(
            Problem(
                Reason.HOST_UNREACHABLE,
                self._node,
                f"SSH to {address.host}:{address.port}{by} did not work within {self._seconds} s ({words})",
                "Check that its security group lets this machine in (`ec2.ssh_cidrs`), that its subnet has a route "
                "(`ec2.address: public`, a VPN, or `ssh.bastion`), and the system log of the instance",
            )
        )

    def _unfinished(self, boot: Boot) -> ClusterError:
        return ClusterError.of(
            Reason.INSTANCE_NOT_READY,
            self._node,
            f"cloud-init did not end within {self._seconds} s; it is at {boot.stage}. Last log lines:\n{boot.words}\n",
            "Fix the cause, or raise `ec2.deadlines.ready`, then run `pulumi up` again",
        )


def _has_grown(state: Properties, inputs: Properties) -> bool:
    """Return whether a file system has another size to reach; 0 stands for a volume that nobody grows."""
    before = state.get("volumes", {})
    return any(size and size != before.get(mount) for mount, size in inputs["volumes"].items())


_FIX = "Fix the cause, then run `pulumi up` again, or raise the node's `ec2.generation` for a new instance"


def _told(boot: Boot) -> str:
    return "; ".join(boot.errors) + f". Last log lines:\n{boot.words}"


def _key(public: Any) -> Any:
    """Return a public key as `TYPE BASE64`, without its comment; an unknown one stays unknown."""
    return public if public is UNKNOWN else " ".join(public.split()[:2])
