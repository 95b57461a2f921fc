// An etcd cluster in a program in TypeScript. docs/other-languages.md says how to run it.
import * as command from "@pulumi/command";
import * as etcd from "@pulumi/etcd";

const nodes: Record<string, etcd.types.input.NodeArgs> = {};
for (const name of ["etcd-1", "etcd-2", "etcd-3"]) {
    // In place of this, take whatever makes your hosts: an address may be an output of any resource.
    const host = new command.local.Command(name, { create: `sed -n 's/^${name} //p' hosts.txt` });
    nodes[name] = { address: host.stdout };
}

const main = new etcd.Cluster("main", {
    nodes,
    version: "3.6.14",
    ssh: { user: "root", privateKeyFile: "id_ed25519", knownHostsFile: "known_hosts" },
    etcd: { "heartbeat-interval": "250" },
});

export const endpoints = main.endpoints;
export const leader = main.leader.name;
export const members = main.members;
export const caCertificate = main.caCertificate;
export const clients = main.clients;
