"""Each reason: that something produces it, and what its message says. Texts are reviewed here."""

import pytest

from etcd_cluster.reasons import Reason
from tests.unit.reason_examples import EXAMPLES, problems_of

TEXTS: dict[Reason, str] = {
    Reason.SETTING_UNKNOWN: 'versoin: unknown setting; did you mean "version"?',
    Reason.SETTING_MISSING: (
        "nodes: missing; expected a mapping of 1 to 9 nodes, such as {etcd-1: {address: 192.0.2.11}}. Set nodes."
    ),
    Reason.SETTING_INVALID: 'client_port: invalid value "many"; expected a whole number from 1 to 65535.',
    Reason.HOST_UNREACHABLE: (
        "a: cannot connect to 192.0.2.1:22: connection refused. Check that the host is on, that sshd listens "
        "there, and the node's `address` and `ssh` settings."
    ),
    Reason.HOST_KEY_MISMATCH: (
        "a: 192.0.2.1:22 shows another host key than the one that is pinned; somebody may be in between. If "
        "the host was installed anew, compare the key on its console and update `host_key` or known_hosts."
    ),
    Reason.LOGIN_REFUSED: (
        "a: admin@192.0.2.1:22 needs a key, and the agent holds none. Add it to the agent: ssh-add FILE."
    ),
    Reason.LOGIN_TIMED_OUT: (
        "a: sshd at admin@192.0.2.1:22 answers, but the login did not end within 10 s. Raise "
        "`deadlines.connect`, or look at what logins wait for there: its load, UseDNS, PAM."
    ),
    Reason.ROOT_REFUSED: (
        "a: user 'admin' cannot use sudo without a password on 192.0.2.1 (sudo: a password is required). Give"
        " 'admin' NOPASSWD sudo there, or set `ssh.user` to root."
    ),
    Reason.COMMAND_FAILED: (
        "a: mv: cannot move: No space left on device. Fix it on the host, then run `pulumi up` again."
    ),
    Reason.COMMAND_TIMED_OUT: (
        "a: a command on the host did not finish within 0.1 s. Look at the host's load and disks, then run "
        "`pulumi up` again."
    ),
    Reason.AGENT_UNREACHABLE: (
        "SSH_AUTH_SOCK: it names /nowhere/agent, where no SSH agent answers; every remote command would fail "
        "on it. Run `unset SSH_AUTH_SOCK`, or start the agent again."
    ),
    Reason.STACK_IDENTITY_UNKNOWN: (
        "a: it serves node x of a stack of this very name, org/project/prod, whose identity is not in the "
        "state; etcd does not run now there. If `cluster_name` or the project was changed, set it back: a "
        "cluster keeps it. If the state was lost or comes from another place, see docs/state.md. Remove "
        "nothing on the host before that is clear."
    ),
    Reason.HOST_OF_ANOTHER_STACK: (
        "a: it serves node x of another stack of this program, org/project/prod; etcd does not run now there."
        " Use another host, or run `pulumi destroy` on that stack first. Remove nothing on the host by hand: "
        "it would take that stack's member down."
    ),
    Reason.NODE_RENAMED: (
        "a: its host is node b of this cluster already; a member cannot be renamed. Call the node b again, or"
        " give it another host."
    ),
    Reason.STATE_COPIED: (
        "a: stack org/project/prod manages it, and this stack (org/project/copy) has a copy of its state. "
        "Work with that stack; if it was renamed to this one or moved to another backend, confirm that on "
        "each host with `sed -i 's|^stack=.*|stack=org/project/copy|' /etc/etcd/owner`."
    ),
    Reason.FOREIGN_UNIT_RUNNING: (
        "a: it has an etcd.service that this program did not install (/lib/systemd/system/etcd.service), and "
        "it runs, perhaps for somebody who needs it. Use another host. To take a cluster that was made "
        "otherwise over, take a snapshot of it and stop all of its members, which is an outage; "
        "docs/restore.md says how its data goes into a new cluster."
    ),
    Reason.FOREIGN_UNIT: (
        "a: it has an etcd.service that this program did not install (/lib/systemd/system/etcd.service), "
        "which does not run. If no cluster needs this member any more, remove the unit and run `systemctl "
        "daemon-reload`; its data stays where it is. Otherwise use another host."
    ),
    Reason.FOREIGN_LINK: (
        "a: /usr/local/bin/etcd exists and is not this program's. Remove it, or choose another `paths.bin_dir`."
    ),
    Reason.PORT_IN_USE: ("a: port 2379 is taken by nginx (pid 7). Stop that process, or choose another `client_port`."),
    Reason.TOOL_MISSING: "a: it has no tar and gzip. Install what is missing.",
    Reason.DOWNLOADER_MISSING: (
        "a: it has neither curl nor wget to download etcd with. Install one, or set `binaries.source` to push."
    ),
    Reason.ARCHITECTURE_UNSUPPORTED: (
        "a: its architecture is riscv64; this program installs amd64 and arm64. Use another host."
    ),
    Reason.ARCHITECTURE_MISMATCH: (
        "a: its architecture is amd64, but `nodes.a.architecture` says arm64. Correct the setting, or leave it out."
    ),
    Reason.CHECKSUM_MISSING: (
        "a: there is no pinned SHA-256 of etcd 3.6.16 for amd64. Add `binaries.checksums.3.6.16.amd64`."
    ),
    Reason.CLOCK_SKEW: (
        "a: its clock is 90 s ahead of this machine's; certificates would not be valid. Set both clocks by NTP."
    ),
    Reason.DIRECTORY_INVALID: (
        "a: its data directory /var/lib/etcd is no directory. Name another one in `paths.data_dir`."
    ),
    Reason.DIRECTORY_NOT_OWNED: (
        "a: its data directory /var/lib/etcd belongs to root; etcd runs as etcd and could not open its data. "
        "If etcd is to use this data, give it to that account on the host (make the account first where it is"
        " not there): `chown -R etcd:etcd /var/lib/etcd`; otherwise name another directory in "
        "`paths.data_dir`."
    ),
    Reason.DIRECTORY_INACCESSIBLE: (
        "a: /var has mode 700 and belongs to root, so etcd, which runs as etcd, cannot reach `paths.data_dir`"
        " in it. Choose another `paths.data_dir`, or run `chmod o+x /var` on the host."
    ),
    Reason.ADDRESS_NOT_LOCAL: (
        "a: its address 192.0.2.1 is on no interface of the host, which has 10.0.0.7, so etcd could not "
        "listen there. Set `nodes.a.address` to an address of the host that the other members and the clients"
        " reach; `nodes.a.ssh.host` may be another one."
    ),
    Reason.ADDRESS_UNRESOLVABLE: (
        "a: it cannot resolve 192.0.2.2, the address of b. Make the name known to all hosts (DNS, or "
        "/etc/hosts), or set `nodes.b.address` to an IP address; `nodes.b.ssh.host` may be what only this "
        "machine knows."
    ),
    Reason.PEER_PORT_UNREACHABLE: (
        "a: it cannot reach 192.0.2.2:2380, where b is to serve its peers: no answer within 5 s. Let the hosts "
        "reach each other at TCP port 2380 (firewall, security group, routes)."
    ),
    Reason.UNIT_MASKED: (
        "a: etcd.service is masked, so it cannot start. Run `systemctl unmask etcd.service` there, or find "
        "out who masked it."
    ),
    Reason.UNIT_OVERRIDDEN: (
        "a: systemd reads /etc/systemd/system.control/etcd.service in place of "
        "/etc/systemd/system/etcd.service. Remove /etc/systemd/system.control/etcd.service there."
    ),
    Reason.UNIT_DROP_IN: (
        "a: /etc/systemd/system/etcd.service.d/old.conf sets Environment= (ETCD_CONFIG_FILE) for "
        "etcd.service, which would change how the member runs or what it reads. Remove these lines or the "
        "file there, then run `systemctl daemon-reload`; etcd's options belong below `etcd` in the settings."
    ),
    Reason.FOREIGN_DATA: (
        "c: its data directory holds data of cluster beef, not of this cluster (dc50b8daae93b3e0). Another "
        "host's disk may be mounted here, or the address may be another host's: check both. The data may be "
        "the only copy of what that cluster holds; keep it until you know."
    ),
    Reason.FOREIGN_HOST: (
        "c: its host belongs to another cluster by now, so nothing is done there. If that is wrong, look at "
        "the owner stamp and the data on it."
    ),
    Reason.UNKNOWN_DATA: (
        "c: its data directory /var/lib/etcd holds data of a cluster that this stack does not know. Find out "
        "whose data it is before anything else: it may be the only copy. Give the node another "
        "`paths.data_dir`, or, if the cluster is to go on with it, let all nodes have their data here."
    ),
    Reason.WAL_MISSING: (
        "a: its data directory /var/lib/etcd holds data of etcd, but there is no WAL in "
        "/var/lib/etcd/member/wal, where the settings have it. If the WAL lies elsewhere, its directory has "
        "to be named `wal` and `paths.wal_dir` the one around it; if a disk is not mounted, mount it. Delete "
        "nothing before you know whose data it is."
    ),
    Reason.DATA_MISSING: (
        "c: it is member a000000000000063, but its disk has no data; the disk was wiped, replaced or is not "
        "mounted. Mount the disk; or, if the data is lost, confirm with `nodes.c.replaces: "
        '"a000000000000063"` that an empty member takes its place.'
    ),
    Reason.DATA_MISSING_WITHOUT_QUORUM: (
        "b: it has no data, but a knows a cluster that was bootstrapped; the disk was wiped, replaced or is not "
        "mounted. Mount the disk, or restore the cluster from a snapshot; an empty member never starts by "
        "itself."
    ),
    Reason.DATA_MISSING_ON_SEVERAL: (
        "d: its member a000000000000064 is gone, and so is another one. Restore the cluster from a snapshot "
        "(docs/restore.md), or replace one at a time."
    ),
    Reason.DATA_OF_ANOTHER_MEMBER: (
        "c: its disk holds the data of another member (77), not of a000000000000063. Check which disk is "
        "mounted on which host."
    ),
    Reason.DATA_OF_SILENT_MEMBER: (
        "f: its disk holds the data of member a000000000000062 (b), which does not answer. Check which disk "
        "is mounted on which host."
    ),
    Reason.DATA_OF_RUNNING_MEMBER: (
        "c: it holds the data of member a000000000000063, which still answers at https://192.0.2.9:2380. Stop"
        " etcd on the old host and disable it there, take the data along as it is then, and run `pulumi up` "
        "again."
    ),
    Reason.DATA_DUPLICATED: (
        "a: it holds the data of member a000000000000061, and so does c. Move the copy away on the host that "
        "is not this member."
    ),
    Reason.DATA_IN_USE: (
        "a: its data is in use by etcd (pid 7), which is no process of etcd.service. Stop that process there,"
        " in the way it was started; then `pulumi up` starts the member as a service again."
    ),
    Reason.DATA_CORRUPT: (
        "c: its data is corrupt (alarm CORRUPT), so nothing else is changed. Take c out of `nodes`, run "
        "`pulumi up`, then add it again with an empty disk."
    ),
    Reason.OLD_MEMBER_RUNNING: (
        "c: its address is new and has no data, but the old member a000000000000063 still answers at "
        "https://192.0.2.9:2380. To move a node, take its data along; to replace it, switch the old host off "
        "first, or let the new member join before the old one leaves with `nodes.c.replaces: "
        '"a000000000000063"`.'
    ),
    Reason.ADDRESS_OF_ANOTHER_HOST: (
        "c: its disk has no data, but member a000000000000063 still answers at https://192.0.2.3:2379. Check "
        "that the node's `address` and `nodes.c.ssh` lead to the same machine."
    ),
    Reason.BOOTSTRAP_FOREIGN_DATA: (
        "a: a bootstrap was begun there, but its data directory holds data of cluster beef, which that did "
        "not make. Move the data away on the host if nobody needs it; if it is to be resumed, remove "
        "/etc/etcd/attempt there."
    ),
    Reason.BOOTSTRAP_NEEDS_ALL_HOSTS: (
        "c: cannot connect to it, and the bootstrap comes to its end only with all members. Bring the host "
        "back, or take c out of `nodes`."
    ),
    Reason.QUERY_FAILED: (
        "a: etcd runs on it, but etcdctl cannot ask it (exec format error). Nothing was changed. Look there "
        "at the environment of root (/etc/environment), at proxies, and at the client certificate and the "
        "etcdctl of this program; correct that and run `pulumi up` again."
    ),
    Reason.MEMBER_SILENT: (
        "a: etcd runs on it, but does not answer. Look at `journalctl -u etcd` on it, at the way between the "
        "members and at their clocks."
    ),
    Reason.MEMBER_ERROR: (
        "a: it answers, but gives no linearizable answer (it has no leader). Look at `journalctl -u etcd` on "
        "it, at the way between the members and at their clocks."
    ),
    Reason.MEMBER_LIST_MISSING: "a: it serves, but does not tell its members. Run it again in a moment.",
    Reason.REVISION_UNPROVEN: (
        "b: etcd runs on it, but etcdctl cannot ask it; what it runs has never served, and the members that "
        "answer are no quorum without it. Look at `journalctl -u etcd` on b and repair it, or the other "
        "members that do not answer."
    ),
    Reason.SUCCESSOR_SILENT: ("c: it stays, since the member in its place (c0ffee) does not answer. Repair c first."),
    Reason.NO_QUORUM_TO_ADD: (
        "d: 2 of 3 voters answer, and etcd adds a member only while 3 do. Repair or take out the members that"
        " do not answer first."
    ),
    Reason.NO_QUORUM_TO_REMOVE: (
        "c: without it 1 of 2 voters would answer, and 2 must. Repair the members that do not answer first."
    ),
    Reason.NO_QUORUM_TO_RESTART: (
        "c: it does not serve, so no other member may restart (quorum of 3 is 2); etcd runs on it, but does "
        "not answer. Look at `journalctl -u etcd` on it and repair it first."
    ),
    Reason.HOST_DOWN_DURING_CHANGE: (
        "c: cannot connect to it, and a and b must restart for the changed settings. Repair that host first, "
        "or take the change back."
    ),
    Reason.ALARM_PREVENTS_ADD: (
        "cluster: the alarm NOSPACE is raised, so no member can be added. Compact, defragment and disarm the "
        "alarm first; to raise the quota, change only that setting."
    ),
    Reason.ALARM_PREVENTS_VERSION: (
        "version: the alarm NOSPACE is raised, so the version stays. Clear the alarm first."
    ),
    Reason.QUOTA_TOO_SMALL: (
        "a: `etcd.quota-backend-bytes` is 94371840, but its database has 104857600 bytes: with NOSPACE, the "
        "alarm that follows, the whole cluster would refuse writes. Set it to at least 115343360, or compact "
        "and defragment the database first."
    ),
    Reason.PEER_URL_NOT_SERVED: (
        "c: the settings want it at https://192.0.2.3:9100, and what is staged for it leaves it at "
        "https://192.0.2.3:2380. Run `pulumi up` without `--target` and `--exclude`."
    ),
    Reason.LEAF_NOT_TRUSTED: (
        "a: its new peer certificate is from a CA that a does not trust. Rotate in three steps, each with an "
        "`up` of its own: trust the new CA too, issue from it, stop trusting the old one "
        "(docs/certificates.md)."
    ),
    Reason.CLIENT_CA_DROPPED: (
        "a: it is to trust no longer the CA that issued the certificates in use (c's is one), so every client"
        " that holds such a certificate would be refused. Rotate in three steps, each with an `up` of its "
        "own: trust the new CA too, issue from it, stop trusting the old one (docs/certificates.md)."
    ),
    Reason.BUNDLE_TOO_NARROW: (
        "a: its new bundle does not verify the peer certificate that a uses. Rotate in three steps, each with"
        " an `up` of its own: trust the new CA too, issue from it, stop trusting the old one "
        "(docs/certificates.md)."
    ),
    Reason.CA_NOT_YET_TRUSTED: (
        "ca.client: generation 2 is to issue, but was not trusted by the last `up`. Rotate in three steps, "
        "each with an `up` of its own: trust the new CA too, issue from it, stop trusting the old one "
        "(docs/certificates.md)."
    ),
    Reason.CA_STILL_IN_USE: (
        "ca.client: generation 1 is no longer trusted, but certificates of it are in use. Rotate in three "
        "steps, each with an `up` of its own: trust the new CA too, issue from it, stop trusting the old one "
        "(docs/certificates.md)."
    ),
    Reason.CA_ROTATION_UNFINISHED: (
        "ca.client: generation 2 is to issue, but the last `up` did not come to its end: a does not trust it "
        "yet, and clients could not know it. Let generation 1 issue and run `pulumi up` until it ends well; "
        "then go on."
    ),
    Reason.COMMON_NAME_CHANGED: (
        "certificates.subject.common_name: with one CA for clients and peers, members know each other by this"
        " name, so a change would part them (a accepts only peers named etcd). Set it back. To change it, "
        "give peers a CA of their own first (docs/own-ca.md), then change the name."
    ),
    Reason.VERSION_SKIPS_MINOR: (
        "version: 3.7.3 is more than one minor above 3.5.33. Upgrade to the newest 3.6 first."
    ),
    Reason.VERSION_BASE_TOO_OLD: (
        "version: 3.6.16 needs every member on at least 3.5.32, and one runs 3.5.31. Upgrade to the newest 3.5 first."
    ),
    Reason.VERSION_BELOW_CLUSTER: (
        "c: it cannot join with 3.6.16, which is below what the cluster runs. Set `version` to what the "
        "cluster runs, let the member join, then change the version."
    ),
    Reason.VERSION_CHANGES_WITH_MEMBERS: (
        "version: it changes to 3.6.16 together with the members (d). Do one after the other, each with an "
        "`up` of its own."
    ),
    Reason.V2_DATA_LEFT: (
        "a: its data holds v2 content that 3.6 refuses (detected custom v2store content). Start each 3.5 "
        "member once with `snapshot-count: 1`, or migrate the v2 keys (etcd's upgrade page)."
    ),
    Reason.CLUSTER_RESUMED: (
        "cluster: all hosts hold data of cluster dc50b8daae93b3e0, which the state does not know; it is "
        "resumed. If that is not the cluster that is wanted here, check the nodes' addresses and disks."
    ),
    Reason.CANCELLED: (
        "cluster: stopped as asked, with 3 steps left; the next would be: restart b. Run `pulumi up` again to"
        " go on from here."
    ),
    Reason.LEASE_HELD: (
        "a: another run (run-0123) is changing this cluster; its hold ends in 40 s unless it goes on. Wait "
        "for it to end, then run `pulumi up` again."
    ),
    Reason.LEASE_LOST: (
        "cluster: this run's hold on it ended, and another run may have changed it since. Run `pulumi up` "
        "again; it looks anew and goes on from there."
    ),
    Reason.LEASE_WITHOUT_MAJORITY: (
        "cluster: only 1 of 3 hosts answer, and 2 must before anything is changed. Bring the other hosts back first."
    ),
    Reason.ANSWERS_UNSTEADY: (
        "cluster: its members answer at one look and not at the next, for 5 times now. Look at `journalctl -u"
        " etcd` on them, and at the network between them."
    ),
    Reason.STEP_WITHOUT_EFFECT: (
        'cluster: the step "restart b" was taken, and a look at the hosts shows the same as before it. '
        "Something there undoes it or hides it: look at what it names, and at configuration management, "
        "before you run `pulumi up` again."
    ),
    Reason.TOO_MANY_STEPS: "cluster: it is not as wanted after 0 steps. Report this with the output above.",
    Reason.PARTIAL_RUN: (
        "cluster: Preflight is left out of this run by `--target` or `--exclude`, so nothing looked at what "
        "the change would do. Run `pulumi up` without them."
    ),
    Reason.MEMBER_SERVING: (
        "a: it still serves as member a000000000000061 of its cluster, so nothing was removed there. Run "
        "`pulumi up` without `--target`, which removes the member first; to remove the whole cluster, run "
        "`pulumi destroy`."
    ),
    Reason.HOST_NOT_CLEARED: (
        "a: it cannot be cleared (cannot connect to it), so things of this program stay there. Bring it back,"
        " or give it up with `abandon_unreachable` (docs/remove.md), then destroy again."
    ),
    Reason.START_FAILED: (
        "a: etcd ended at its start. Last log lines:\n"
        "  bind: address already in use\n"
        "Correct the cause and run `pulumi up` again."
    ),
    Reason.TRIAL_START_FAILED: (
        "a: etcd did not come up with what is staged, tried apart from the cluster:\n"
        "  bind: no such address\n"
        "No member was started or restarted with it. Correct the settings or the host and run `pulumi up` "
        "again."
    ),
    Reason.NOT_SERVING: (
        "a: https://192.0.2.1:2379 gives no linearizable answer after 0 s (connection refused). Look at "
        "`journalctl -u etcd` on a."
    ),
    Reason.BOOTSTRAP_UNPROVEN: (
        "a: its process runs without the staged settings. Correct that and run `pulumi up` again; the "
        "bootstrap was not recorded."
    ),
    Reason.ALARM_AFTER_RESTART: (
        "cluster: the alarm is still raised, so it refuses writes. Run `etcdctl alarm disarm` on a member."
    ),
    Reason.STEP_FAILED: (
        "a: the cluster still lists its new peer URL. Run `etcdctl member update a1 "
        "--peer-urls=https://192.0.2.9:2380` on another member."
    ),
    Reason.ARCHIVE_UNUSABLE: (
        "a: cannot read /nowhere/etcd.tar.gz: No such file or directory. Put the archive there, or set "
        "`binaries.archive_dir`."
    ),
    Reason.REQUEST_UNSUPPORTED: (
        "etcd:index:Other: this plugin has no such resource. Use the plugin of the same checkout."
    ),
    Reason.INSTANCE_REPLACEMENT_UNSAFE: (
        "ec2: the instances of a, b would be replaced in one run, which could stop the cluster. Raise the "
        "generation of one node, run `pulumi up`, then raise the next."
    ),
    Reason.INSTANCE_LAYOUT_FIXED: (
        "ec2.vpc.cidr: it was 10.0.0.0/16 and cannot become 10.1.0.0/16, since the instances lie in that "
        "network. Set it to 10.0.0.0/16; for another network, destroy the stack first, or make another one."
    ),
    Reason.INSTANCE_PLACE_MISSING: "ec2: there is no place for an instance. Name subnets or zones.",
    Reason.INSTANCE_REFUSED: (
        "a: EC2 refused its instance, and it has none now. Run `pulumi up` again later, or correct "
        "`ec2.instance_type` and run it: while a node has no instance, a changed setting holds at once, "
        "without a raised generation."
    ),
    Reason.INSTANCE_NOT_READY: (
        "etcd-1: cloud-init did not end within 600 s; it is at init. Last log lines:\n"
        "getting there\n"
        "Fix the cause, or raise `ec2.deadlines.ready`, then run `pulumi up` again."
    ),
}


def test_every_reason_has_an_example_and_a_text() -> None:
    assert set(EXAMPLES) == set(TEXTS) == set(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_a_reason_comes_about_and_is_told_so(reason: Reason) -> None:
    assert [str(each) for each in problems_of(EXAMPLES[reason]) if each.reason is reason][:1] == [TEXTS[reason]]
