"""What people have to do for an experiment, in words: `senders/INSTRUCTIONS.md`."""

from __future__ import annotations

from mailcensus.senders.plan import Plan
from mailcensus.study.sections import SendersSection

_TEXT = """\
# Experiment {run_id} on {domain}

{conditions} conditions, {posts} receivers, {tokens} messages of {senders} senders.

## 1. DNS

Put `zone.txt` into the zone of {domain} on a name server of yours (it has no SOA and NS), and sign the zone: without
DNSSEC the conditions whose names begin with `dane` say nothing. With BIND `dnssec-policy default;` in the zone's
statement does it, with Knot `dnssec-signing: on`; by hand, and again before the signatures expire:

    ldns-keygen -a ECDSAP256SHA256 -k {domain}
    ldns-signzone {domain}.zone K{domain}.+013+*

Then give the DS record to your registrar, and look at it with `delv {domain} SOA`.

## 2. Certificates

`certificates/` has one file a kind, of an authority of this experiment's own. For senders that verify, `valid.pem` must
be of a public authority: put key, certificate and intermediates into it (PEM, RSA), for these names, and plan again:

    {names}

The other kinds are untrusted *and* what their name says. Where you have better ones, such as an expired certificate of
a public authority, put them in their places.

## 3. Ports

The receivers listen on port {smtp_port}, {smtps_port} (implicit TLS) and {https_port} (policies), and need no root. \
Have the
kernel forward the well-known ports, as with nftables:

    nft add table ip mailcensus
    nft add chain ip mailcensus in '{{ type nat hook prerouting priority dstnat; }}'
    nft add rule ip mailcensus in tcp dport 25 redirect to :{smtp_port}
    nft add rule ip mailcensus in tcp dport 465 redirect to :{smtps_port}
    nft add rule ip mailcensus in tcp dport 443 redirect to :{https_port}

Then `mailcensus senders serve`, for as long as the experiment lasts; whatever ends it, the same command goes on.

## 4. Sending

`run-sheet.csv` has one row a message. Send each from an account *of your own* at the sender it names, to its recipient,
with the token in the text, and write the time into `sent_at`. Messages to `implicit_tls` need a sender that can be
told its relay. Where you run the sender yourself, use `<token>@{returns}` as return address: bounces are then matched
by themselves. Elsewhere, write the time of the bounce into `bounced_at`.

Forwarding rules and replies of your own accounts are senders too. Do not make strangers' systems send mail that nobody
asked for: provoked bounces at others (backscatter) may be unlawful and will be taken for abuse.

A message that has not come {wait_h:g} hours after it was sent is an outcome too, as long as the receivers were up.
"""


def instructions(plan: Plan, settings: SendersSection) -> str:
    """The page, Markdown."""
    return _TEXT.format(
        run_id=plan.run_id,
        domain=plan.domain,
        conditions=len(plan.conditions),
        posts=len(plan.posts),
        tokens=len(plan.tokens),
        senders=len({token.sender for token in plan.tokens}),
        names="\n    ".join(plan.certificate_names),
        smtp_port=settings.smtp_port,
        smtps_port=settings.smtps_port,
        https_port=settings.https_port,
        returns=plan.returns_domain,
        wait_h=settings.wait_h,
    )
