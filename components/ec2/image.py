"""The image of new instances."""

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import Cloud

# Debian: https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm. Amazon Linux: its user guide, "AL2023 on EC2".
_PARAMETERS = {
    ("debian-12", "amd64"): "/aws/service/debian/release/12/latest/amd64",
    ("debian-12", "arm64"): "/aws/service/debian/release/12/latest/arm64",
    ("amazon-linux-2023", "amd64"): "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    ("amazon-linux-2023", "arm64"): "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
}


def image_id(cloud: Cloud, architecture: str) -> pulumi.Input[str]:
    """Return the id of the image: the one that is named, or the latest that its maker published."""
    parameter = _PARAMETERS.get((cloud.ec2.image, architecture))
    if parameter is None:
        return cloud.ec2.image
    options = pulumi.InvokeOutputOptions(provider=cloud.provider)
    # A public parameter is no secret, though the provider takes all of them for one.
    return pulumi.Output.unsecret(aws.ssm.get_parameter_output(name=parameter, opts=options).insecure_value)
