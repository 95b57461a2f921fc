"""The resource plugin `tls` 5.6.2: keys, requests and certificates, made with cryptography."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dev.standins.resource_plugin.plugin import Operation, serve
from dev.standins.resource_plugin.schema import Field
from dev.standins.resource_plugin.values import Properties
from dev.standins.tls import certificates, keys
from dev.standins.tls import names as tls_names
from dev.standins.tls.certificates import USES, Terms
from dev.standins.tls.resource import Renewable, TlsResource, format_time

VERSION = "5.6.2"

_SUBJECT = {
    **dict.fromkeys(
        (
            "commonName",
            "country",
            "emailAddress",
            "locality",
            "organization",
            "organizationalUnit",
            "postalCode",
            "province",
            "serialNumber",
        ),
        Field(),
    ),
    "streetAddresses": Field("list", element=Field()),
}
_TEXTS = Field("list", element=Field())
_NAMES = {
    "dnsNames": _TEXTS,
    "ipAddresses": _TEXTS,
    "uris": _TEXTS,
    "subject": Field("object", fields=_SUBJECT),
}
_OWN_KEY = {
    "privateKeyPem": Field(secret=True),
    "privateKeyPemWo": Field(secret=True),
    "privateKeyPemWoVersion": Field("integer"),
}
_TERMS = {
    "validityPeriodHours": Field("integer", required=True, minimum=0),
    "allowedUses": Field("list", required=True, element=Field(choices=USES)),
    "earlyRenewalHours": Field("integer", default=0, minimum=0),
    "isCaCertificate": Field("boolean", default=False),
    "maxPathLength": Field("integer", minimum=-1),
    "setSubjectKeyId": Field("boolean", default=False),
}
_VALIDITY = ("certPem", "readyForRenewal", "validityStartTime", "validityEndTime")


class PrivateKey(TlsResource):
    """A private key."""

    token = "tls:index/privateKey:PrivateKey"
    inputs = {
        "algorithm": Field(required=True, choices=keys.ALGORITHMS),
        "rsaBits": Field("integer", default=2048),
        "ecdsaCurve": Field(default="P224", choices=tuple(keys.CURVES)),
    }
    secret = ("privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh")
    computed = (
        *secret,
        "publicKeyPem",
        "publicKeyOpenssh",
        "publicKeyFingerprintMd5",
        "publicKeyFingerprintSha256",
    )

    def make(self, inputs: Properties) -> Properties:
        """Generate the key."""
        return keys.outputs(keys.generate(inputs["algorithm"], int(inputs["rsaBits"]), inputs["ecdsaCurve"]))


class CertRequest(TlsResource):
    """A certificate request."""

    token = "tls:index/certRequest:CertRequest"
    inputs = {**_NAMES, **_OWN_KEY}
    computed = ("certRequestPem", "keyAlgorithm")
    secret = ("privateKeyPem", "privateKeyPemWo")
    pem = ("privateKeyPem",)
    one_of = (("privateKeyPem", "privateKeyPemWo"),)

    def make(self, inputs: Properties) -> Properties:
        """Sign the request with its own key."""
        key, algorithm = keys.parse(_key(inputs, "privateKeyPem"), "private key")
        made = certificates.request(key, tls_names.subject(inputs.get("subject")), _names(inputs))
        identity = keys.hash_id(made.public_bytes(Encoding.DER))
        return {"id": identity, "certRequestPem": certificates.to_pem(made), "keyAlgorithm": algorithm}


class SelfSignedCert(Renewable):
    """A certificate signed with its own key."""

    token = "tls:index/selfSignedCert:SelfSignedCert"
    inputs = {**_NAMES, **_OWN_KEY, **_TERMS, "setAuthorityKeyId": Field("boolean", default=False)}
    computed = (*_VALIDITY, "keyAlgorithm")
    secret = ("privateKeyPem", "privateKeyPemWo")
    pem = ("privateKeyPem",)
    one_of = (("privateKeyPem", "privateKeyPemWo"),)

    def make(self, inputs: Properties) -> Properties:
        """Sign the certificate."""
        key, algorithm = keys.parse(_key(inputs, "privateKeyPem"), "private key")
        subject = tls_names.subject(inputs.get("subject"))
        terms = _terms(inputs)
        made, start = certificates.certificate(terms, subject, _names(inputs), key.public_key(), None, key)
        return {
            "id": str(made.serial_number),
            "certPem": certificates.to_pem(made),
            "keyAlgorithm": algorithm,
            "validityStartTime": format_time(start),
            "validityEndTime": format_time(start + terms.hours * 3600 * 10**9),
            **self.foretell(inputs),
        }


class LocallySignedCert(Renewable):
    """A certificate for a request, signed with a CA's key."""

    token = "tls:index/locallySignedCert:LocallySignedCert"
    inputs = {
        "certRequestPem": Field(required=True),
        "caCertPem": Field(required=True),
        "caPrivateKeyPem": Field(secret=True),
        "caPrivateKeyPemWo": Field(secret=True),
        "caPrivateKeyPemWoVersion": Field("integer"),
        **_TERMS,
    }
    computed = (*_VALIDITY, "caKeyAlgorithm")
    secret = ("caPrivateKeyPem", "caPrivateKeyPemWo")
    pem = ("certRequestPem", "caCertPem", "caPrivateKeyPem")
    one_of = (("caPrivateKeyPem", "caPrivateKeyPemWo"),)

    async def warn(self, operation: Operation, inputs: Properties) -> None:
        """Warn of an issuer that is no CA."""
        if not certificates.is_ca(certificates.parse_certificate(inputs["caCertPem"])):
            await operation.log(
                "warning",
                "Potentially Invalid Certificate Authority: Certificate provided as Authority does not appear to be a "
                "valid Certificate Authority. The resulting certificate might fail certificate validation.",
            )

    def make(self, inputs: Properties) -> Properties:
        """Sign the certificate."""
        csr = certificates.parse_request(inputs["certRequestPem"])
        key, algorithm = keys.parse(_key(inputs, "caPrivateKeyPem"), "CA private key")
        issuer = certificates.parse_certificate(inputs["caCertPem"])
        public = csr.public_key()
        assert isinstance(public, keys.PublicKey)
        terms = _terms(inputs)
        subject = tls_names.carried_over(csr.subject)
        names = certificates.requested_names(csr)
        made, start = certificates.certificate(terms, subject, names, public, issuer, key)
        return {
            "id": str(made.serial_number),
            "certPem": certificates.to_pem(made),
            "caKeyAlgorithm": algorithm,
            "validityStartTime": format_time(start),
            "validityEndTime": format_time(start + terms.hours * 3600 * 10**9),
            **self.foretell(inputs),
        }


def _key(inputs: Properties, name: str) -> str:
    return str(inputs.get(name) or inputs[f"{name}Wo"])


def _names(inputs: Properties) -> list[x509.GeneralName]:
    dns, addresses, uris = (inputs.get(name, []) for name in ("dnsNames", "ipAddresses", "uris"))
    return tls_names.alternative_names(dns, addresses, uris)


def _terms(inputs: Properties) -> Terms:
    length = inputs.get("maxPathLength")
    return Terms(
        hours=int(inputs["validityPeriodHours"]),
        uses=inputs["allowedUses"],
        is_ca=inputs["isCaCertificate"],
        path_length=None if length is None else int(length),
        set_subject_key_id=inputs["setSubjectKeyId"],
        set_authority_key_id=inputs.get("setAuthorityKeyId", False),
    )


def main() -> None:
    """Serve the plugin."""
    serve("tls", VERSION, [PrivateKey(), CertRequest(), SelfSignedCert(), LocallySignedCert()])


RESOURCES: tuple[type[TlsResource], ...] = (PrivateKey, CertRequest, SelfSignedCert, LocallySignedCert)
