"""The versions the project runs with. The CLI is pinned to the Python SDK's version; newer ones are fit too."""

CLI = "3.258.0"
CLI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
CLI_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
# The one that the official release of the CLI carries (scripts/get-language-providers.sh of its tag).
YAML = "1.38.3"
YAML_PACKAGE = "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"
YAML_VERSION_VARIABLE = "github.com/pulumi/pulumi-yaml/pkg/version.Version"

# Resource plugins, by the versions of the SDK packages in requirements.txt.
RESOURCE_PLUGINS = {"aws": "7.51.1", "command": "1.2.1", "tls": "5.6.2"}

# What lies beside the official CLI.
LANGUAGE_HOST = "pulumi-language-python"
YAML_HOST = "pulumi-language-yaml"

# Writes a package's SDKs, which the language hosts of an official release do; its source is beside the module's go.mod.
SDKS = "sdks"
DYNAMIC_PROVIDERS = "pulumi-resource-pulumi-python"


def is_fit(version: str) -> bool:
    """Tell whether a CLI version such as "v3.258.0" or "3.260.1-alpha.1" is at least `CLI` and below 4."""
    numbers = version.strip().removeprefix("v").split("-")[0].split("+")[0].split(".")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        return False
    found = tuple(int(number) for number in numbers)
    return tuple(int(number) for number in CLI.split(".")) <= found < (4,)
