"""The lines in the stack's outputs that are meant to be pasted."""

from collections.abc import Sequence

_KUBERNETES_FILES = {
    "--etcd-cafile": "/etc/kubernetes/pki/etcd/ca.crt",
    "--etcd-certfile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "--etcd-keyfile": "/etc/kubernetes/pki/apiserver-etcd-client.key",
}


def kube_apiserver_flags(endpoints: Sequence[str]) -> str:
    """Return kube-apiserver's flags for this cluster; the files are where kubeadm looks for them."""
    files = (f"{flag}={path}" for flag, path in _KUBERNETES_FILES.items())
    return " ".join([f"--etcd-servers={','.join(endpoints)}", *files])


def readme(cluster: str, endpoints: Sequence[str], clients: Sequence[str]) -> str:
    """Return how to reach the cluster from a machine that holds the stack."""
    client = clients[0] if clients else "NAME"
    return f"""The etcd cluster {cluster!r} serves at {", ".join(endpoints)}.

On a node, as root: the command line in `pulumi stack output etcdctl`, followed by a subcommand such as
`endpoint status -w table`.

From elsewhere, with the client certificate {client!r}:
  umask 077
  pulumi stack output ca_certificate > ca.pem
  pulumi stack output --json clients --show-secrets | jq -r '.["{client}"].certificate' > client.pem
  pulumi stack output --json clients --show-secrets | jq -r '.["{client}"].private_key' > client-key.pem
  etcdctl --endpoints={",".join(endpoints)} --cacert=ca.pem --cert=client.pem --key=client-key.pem member list
"""
