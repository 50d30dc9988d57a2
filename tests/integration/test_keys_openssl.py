"""Keys and certificates against the openssl command."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailcensus.wire import der
from mailcensus.wire.certificates import certificate_spki, parse_certificate
from mailcensus.wire.curves import CURVES, explicit_digest
from mailcensus.wire.keys import canonical_spki, describe_key
from realservers.process import ServerMissing, program

pytestmark = pytest.mark.integration

OPENSSL_NAMES = {"secp192r1": "prime192v1", "secp256r1": "prime256v1", "sm2p256v1": "SM2"}


def openssl(*arguments: str | Path) -> bytes:
    try:
        command = program("openssl", "openssl")
    except ServerMissing as missing:
        pytest.skip(str(missing))
    return subprocess.run([command, *arguments], capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_the_table_of_curves_is_what_openssl_says(curve) -> None:
    name = OPENSSL_NAMES.get(curve.name, curve.name)
    named = openssl("ecparam", "-name", name, "-outform", "DER")
    assert named == der.write(der.OID, curve.oid)
    explicit = openssl("ecparam", "-name", name, "-outform", "DER", "-param_enc", "explicit")
    _version, field_id, coefficients, base, order, *_ = der.children(
        explicit, der.whole(explicit, der.SEQUENCE)
    )
    a, b, *_ = (der.content(explicit, number) for number in der.children(explicit, coefficients))
    point = der.content(explicit, base)
    field_der = explicit[field_id.at : field_id.stop]
    assert curve.digest == explicit_digest(
        field_der, a, b, point[1 : 1 + len(point) // 2], der.magnitude(explicit, order)
    )
    octets = (curve.field_bits + 7) // 8
    assert len(point) == 1 + 2 * octets


@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1", "secp521r1", "secp256k1", "brainpoolP256r1"])
@pytest.mark.parametrize("encoding", ["named_curve", "explicit"])
@pytest.mark.parametrize("form", ["compressed", "uncompressed", "hybrid"])
def test_one_key_in_every_encoding_is_one_key(tmp_path: Path, curve: str, encoding: str, form: str) -> None:
    private = tmp_path / "key.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", private)
    plain = openssl("pkey", "-in", private, "-pubout", "-outform", "DER")
    odd = openssl(
        "ec", "-in", private, "-pubout", "-outform", "DER", "-param_enc", encoding, "-conv_form", form
    )
    assert canonical_spki(odd) == canonical_spki(plain) == plain


KINDS = [
    # arguments of genpkey, arguments of req, algorithm
    (("RSA", "rsa_keygen_bits:2048"), ("-sha256",), "rsa"),
    (("RSA", "rsa_keygen_bits:512"), ("-md5",), "rsa"),
    (("RSA", "rsa_keygen_bits:1024", "rsa_keygen_pubexp:3"), ("-sha1",), "rsa"),
    (("RSA-PSS", "rsa_keygen_bits:1024"), ("-sha256",), "rsa"),
    (("RSA", "rsa_keygen_bits:1024"), ("-sha512", "-sigopt", "rsa_padding_mode:pss"), "rsa"),
    (("EC", "ec_paramgen_curve:P-224"), ("-sha224",), "ecdsa"),
    (("EC", "ec_paramgen_curve:P-384"), ("-sha384",), "ecdsa"),
    (("EC", "ec_paramgen_curve:secp256k1"), ("-sha256",), "ecdsa"),
    (("ED25519",), (), "ed25519"),
    (("ED448",), (), "ed448"),
]


@pytest.mark.parametrize(("key", "request_", "algorithm"), KINDS)
def test_a_certificate_reads_as_openssl_reads_it(
    tmp_path: Path, key: tuple[str, ...], request_: tuple[str, ...], algorithm: str
) -> None:
    private, certificate = tmp_path / "key.pem", tmp_path / "certificate.der"
    options = [part for option in key[1:] for part in ("-pkeyopt", option)]
    openssl("genpkey", "-algorithm", key[0], *options, "-out", private)
    subject = r"/C=DE/ST=Köln/O=A, B\+C=D/OU=#1/emailAddress=a@example/CN=mail.example "
    openssl(
        *("req", "-x509", "-new", "-key", private, "-utf8", "-subj", subject, "-days", "400"),
        *("-addext", "subjectAltName=DNS:mail.example,IP:192.0.2.7,IP:2001:db8::7,email:x@example"),
        *("-set_serial", "-1234", "-outform", "DER", "-out", certificate, *request_),
    )
    data = certificate.read_bytes()
    record = parse_certificate(data)
    shown = openssl(
        *("x509", "-inform", "DER", "-in", certificate, "-noout", "-serial", "-subject", "-dates"),
        *("-nameopt", "RFC2253,-esc_msb,utf8"),
    ).decode()
    says = dict(re.findall(r"^(\w+)=(.*)$", shown, re.MULTILINE))
    assert record.subject == says["subject"] == record.issuer
    assert f"{int(record.serial or '0', 16):X}" == says["serial"].replace("-0", "-") == "-4D2"
    assert record.not_before == openssl_time(says["notBefore"])
    assert record.not_after == openssl_time(says["notAfter"])
    assert record.common_name == "mail.example "
    assert record.sans == ("mail.example", "192.0.2.7", "2001:db8::7")
    assert (record.parse_status, record.self_signed, record.is_ca) == ("ok", True, True)
    public = openssl("pkey", "-in", private, "-pubout", "-outform", "DER")
    spki = certificate_spki(data)
    assert spki == canonical_spki(public)
    assert describe_key(spki or b"").algorithm == record.key_algorithm == algorithm


def openssl_time(text: str) -> datetime:
    return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)


def test_a_dsa_key_as_openssl_writes_it_is_canonical(tmp_path: Path) -> None:
    parameters, private = tmp_path / "parameters.pem", tmp_path / "key.pem"
    openssl(
        "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", parameters
    )
    openssl("genpkey", "-paramfile", parameters, "-out", private)
    public = openssl("pkey", "-in", private, "-pubout", "-outform", "DER")
    assert canonical_spki(public) == public
    assert describe_key(public).bits == 1024
