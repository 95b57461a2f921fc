// An etcd cluster in a program in Go. docs/other-languages.md says how to run it.
package main

import (
	"fmt"

	"example.com/pulumi-etcd/sdk/go/etcd"
	"github.com/pulumi/pulumi-command/sdk/go/command/local"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		nodes := etcd.NodeMap{}
		for _, name := range []string{"etcd-1", "etcd-2", "etcd-3"} {
			// In place of this, take whatever makes your hosts: an address may be an output of any resource.
			host, err := local.NewCommand(ctx, name, &local.CommandArgs{
				Create: pulumi.String(fmt.Sprintf("sed -n 's/^%s //p' hosts.txt", name)),
			})
			if err != nil {
				return err
			}
			nodes[name] = etcd.NodeArgs{Address: host.Stdout}
		}

		cluster, err := etcd.NewCluster(ctx, "main", &etcd.ClusterArgs{
			Nodes:   nodes,
			Version: pulumi.String("3.6.14"),
			Ssh: etcd.SshArgs{
				User:           pulumi.String("root"),
				PrivateKeyFile: pulumi.String("id_ed25519"),
				KnownHostsFile: pulumi.String("known_hosts"),
			},
			Etcd: pulumi.StringMap{"heartbeat-interval": pulumi.String("250")},
		})
		if err != nil {
			return err
		}

		ctx.Export("endpoints", cluster.Endpoints)
		ctx.Export("leader", cluster.Leader.Name())
		ctx.Export("members", cluster.Members)
		ctx.Export("caCertificate", cluster.CaCertificate)
		ctx.Export("clients", cluster.Clients)
		return nil
	})
}
