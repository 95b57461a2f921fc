"""A key and the certificate that an authority signs for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from components.certificates.certificate_authority import CertificateAuthority
from components.keys import private_key
from etcd_cluster.certificates.names import split_names
from etcd_cluster.settings import Certificates

_HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Leaf:
    """What was made: PEM texts, the key a secret, and the end of the validity (RFC 3339)."""

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    not_after: pulumi.Output[str]


def sign(
    name: str,
    authority: CertificateAuthority,
    certificates: Certificates,
    *,
    common_name: str,
    names: Iterable[pulumi.Input[str]],
    uses: Iterable[str],
    more_names: pulumi.Input[Sequence[str]] = (),
    validity_days: int | None = None,
    organization: str | None = None,
    opts: pulumi.ResourceOptions,
) -> Leaf:
    """Make a key, a request and a certificate.

    Names and uses are sorted: the provider replaces a certificate when only their order changes.
    """
    key = private_key(f"{name}-key", certificates, opts)
    all_names = pulumi.Output.all(pulumi.Output.all(*names), more_names)
    sorted_names = all_names.apply(lambda given: split_names([*given[0], *given[1]]))
    subject = certificates.subject
    request = tls.CertRequest(
        f"{name}-request",
        private_key_pem=key.private_key_pem,
        dns_names=sorted_names.apply(lambda split: split.dns),
        ip_addresses=sorted_names.apply(lambda split: split.addresses),
        subject=tls.CertRequestSubjectArgs(
            common_name=common_name,
            organization=organization or subject.organization,
            organizational_unit=subject.organizational_unit,
            country=subject.country,
            province=subject.province,
            locality=subject.locality,
        ),
        opts=opts,
    )
    encipherment = ["key_encipherment"] if certificates.algorithm == "RSA" else []
    certificate = tls.LocallySignedCert(
        f"{name}-certificate",
        cert_request_pem=request.cert_request_pem,
        ca_cert_pem=authority.certificate_pem,
        ca_private_key_pem=authority.private_key_pem,
        allowed_uses=sorted({*uses, *encipherment, "digital_signature"}),
        validity_period_hours=(validity_days or certificates.validity_days) * _HOURS_PER_DAY,
        early_renewal_hours=certificates.renew_before_days * _HOURS_PER_DAY,
        opts=opts,
    )
    return Leaf(certificate.cert_pem, key.private_key_pem, certificate.validity_end_time)
