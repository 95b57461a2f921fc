"""A certificate authority: generated and kept in the state, or the one that the settings bring."""

from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from components.keys import KEY_INPUTS, private_key
from etcd_cluster.certificates import pem
from etcd_cluster.settings import Authority, Certificates

_HOURS_PER_DAY = 24
# All but the key: another one would be another CA.
_CERTIFICATE_INPUTS = ("subject", "validity_period_hours", "early_renewal_hours", "allowed_uses", "is_ca_certificate")


@dataclass(frozen=True, kw_only=True)
class CertificateAuthorityArgs:
    """What an authority is made from."""

    purpose: str
    """`client` or `peer`; it stands in the generated certificate's common name."""
    certificates: Certificates
    """How keys and certificates are made."""
    provided: Authority | None = None
    """The user's own authority, or only the generation of a generated one."""
    protect: bool = False
    """Refuse to replace or delete the key of the generation that issues."""


class CertificateAuthority(pulumi.ComponentResource):
    """Signs leaf certificates, and is what the other side trusts; one set of tls resources for each generation.

    No generation is ever replaced in place: a rotation trusts a new one first, issues from it next, and stops
    trusting the old one last. What a generation was made from stays with it: other settings hold for the next one.
    """

    certificate_pem: pulumi.Output[str]
    """The certificate of the authority that issues."""
    private_key_pem: pulumi.Output[str]
    """Its key, a secret."""
    bundle_pem: pulumi.Output[str]
    """All certificates that are trusted, the same text as long as none changes."""
    not_after: pulumi.Output[str]
    """The end of the issuer's validity (RFC 3339)."""

    def __init__(self, name: str, args: CertificateAuthorityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:CertificateAuthority", name, None, opts)
        provided = args.provided or Authority()
        trusted: list[pulumi.Input[str]] = []
        numbers = set(provided.trust_generations)
        if provided.certificate and provided.private_key:
            self.certificate_pem = pulumi.Output.from_input(provided.certificate)
            self.private_key_pem = pulumi.Output.secret(provided.private_key)
            self.not_after = pulumi.Output.from_input(pem.not_after(provided.certificate))
            trusted.append(provided.certificate)
        else:
            numbers.add(provided.generation)
        for number in sorted(numbers):
            issues = number == provided.generation and not provided.certificate
            key, certificate = self._generate(f"{name}-{number}", args, protect=issues and args.protect)
            trusted.append(certificate.cert_pem)
            if issues:
                self.certificate_pem, self.private_key_pem = certificate.cert_pem, key.private_key_pem
                self.not_after = certificate.validity_end_time
        if provided.trust_certificates:
            trusted.append(provided.trust_certificates)
        self.bundle_pem = pulumi.Output.all(*trusted).apply(pem.bundle)
        self.register_outputs(
            {
                "certificate_pem": self.certificate_pem,
                "private_key_pem": self.private_key_pem,
                "bundle_pem": self.bundle_pem,
                "not_after": self.not_after,
            }
        )

    def _generate(
        self, name: str, args: CertificateAuthorityArgs, *, protect: bool
    ) -> tuple[tls.PrivateKey, tls.SelfSignedCert]:
        certificates, subject = args.certificates, args.certificates.subject
        kept = pulumi.ResourceOptions(parent=self, protect=protect, ignore_changes=[*KEY_INPUTS])
        key = private_key(f"{name}-key", certificates, kept)
        certificate = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=key.private_key_pem,
            is_ca_certificate=True,
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            validity_period_hours=certificates.ca_validity_days * _HOURS_PER_DAY,
            early_renewal_hours=certificates.renew_before_days * _HOURS_PER_DAY,
            subject=tls.SelfSignedCertSubjectArgs(
                common_name=f"{subject.common_name} {args.purpose} CA {name}",
                organization=subject.organization,
                organizational_unit=subject.organizational_unit,
                country=subject.country,
                province=subject.province,
                locality=subject.locality,
            ),
            # Not protected: before its end it is renewed, with the same key and subject, so that it stays the same CA.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=[*_CERTIFICATE_INPUTS]),
        )
        return key, certificate
