// Pins the Pulumi CLI, the language host for YAML and all they are built from, for machines that cannot download them.
module etcd-cluster/dev/toolchain/cli

go 1.26

require (
	github.com/pulumi/pulumi-yaml v1.38.3
	github.com/pulumi/pulumi/pkg/v3 v3.258.0
)

// The language host for YAML asks for newer ones of these. With the CLI's own, both share what is compiled.
exclude (
	github.com/cloudflare/circl v1.6.5
	github.com/git-pkgs/purl v0.1.15
	github.com/git-pkgs/vers v0.3.0
	github.com/go-git/go-billy/v6 v6.0.0-alpha.2
	github.com/go-git/go-git/v6 v6.0.0-alpha.5
	github.com/pulumi/inflector v0.2.1
)
