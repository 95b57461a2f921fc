// Pins the Pulumi CLI and everything it is built from, for machines that cannot download it.
module etcd-cluster/lab/toolchain/cli

go 1.26

require github.com/pulumi/pulumi/pkg/v3 v3.258.0
