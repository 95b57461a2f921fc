"""The settings of certificates, of those who sign them, and of clients."""

from typing import Annotated, Literal

from pydantic import Field

from etcd_cluster.settings.model.fields import (
    AlternativeName,
    Country,
    Days,
    Flag,
    LocalPath,
    Part,
    PublicPem,
    SecretText,
    Text,
    whole,
)


class Subject(Part):
    """What the subjects of all certificates carry besides the common name."""

    common_name: Text = Field(default="etcd", description="Common name of server and peer certificates.")
    organization: Text | None = Field(default=None, description="O.")
    organizational_unit: Text | None = Field(default=None, description="OU.")
    country: Country | None = Field(default=None, description="C, two letters.")
    province: Text | None = Field(default=None, description="ST.")
    locality: Text | None = Field(default=None, description="L.")


class Certificates(Part):
    """How certificates are made."""

    algorithm: Literal["ECDSA", "RSA"] = Field(default="ECDSA", description="Algorithm of all keys: `ECDSA` or `RSA`.")
    rsa_bits: Annotated[int, whole(2048, 8192, "bits")] = Field(
        default=2048, description="Size of RSA keys, 2048 to 8192 bits."
    )
    ecdsa_curve: Literal["P256", "P384", "P521"] = Field(
        default="P256", description="Curve of ECDSA keys: `P256`, `P384` or `P521`."
    )
    validity_days: Days = Field(default=365, description="How long a server, peer or client certificate is valid.")
    renew_before_days: Days = Field(
        default=30,
        description="How long before its end `up` makes a new one, and warns about one it cannot renew.",
    )
    ca_validity_days: Days = Field(
        default=3650, description="How long a generated CA is valid; one that exists stays as it is."
    )
    subject: Subject = Field(default_factory=Subject, description="The subject.")
    extra_names: tuple[AlternativeName, ...] = Field(
        default=(),
        description="More IP addresses and DNS names for every server certificate, as a load balancer's.",
    )


class Authority(Part):
    """A certificate authority of your own; without certificate and key, one is generated."""

    generation: Annotated[int, whole(1, 1000)] = Field(
        default=1, description="Number of the generated CA that issues; another number is another CA."
    )
    trust_generations: tuple[Annotated[int, whole(1, 1000)], ...] = Field(
        default=(), description="More generated CAs that are trusted, by number; for a rotation."
    )
    trust_certificates: PublicPem | None = Field(
        default=None, description="More CAs that are trusted, as PEM; for the rotation of a CA of your own."
    )
    trust_certificates_file: LocalPath | None = Field(default=None, description="File with `trust_certificates`.")
    certificate: PublicPem | None = Field(default=None, description="The CA's certificate as PEM.")
    certificate_file: LocalPath | None = Field(default=None, description="File with `certificate`.")
    private_key: SecretText | None = Field(default=None, repr=False, description="The CA's unencrypted key as PEM.")
    private_key_file: LocalPath | None = Field(default=None, description="File with `private_key`.")


class CertificateAuthorities(Part):
    """Who signs."""

    shared: Flag = Field(default=False, description="One CA, `ca.client`, for clients and peers.")
    client: Authority | None = Field(default=None, description="CA of server and client certificates.")
    peer: Authority | None = Field(default=None, description="CA of peer certificates.")


class Client(Part):
    """A client certificate; its key is its name in the outputs."""

    common_name: Text | None = Field(
        default=None, description="Its common name, etcd's user name; without it, its key."
    )
    organization: Text | None = Field(default=None, description="Its O; without it, `certificates.subject`'s.")
    validity_days: Days | None = Field(default=None, description="Without it, `certificates.validity_days`.")
    extra_names: tuple[AlternativeName, ...] = Field(default=(), description="Its IP addresses and DNS names.")
