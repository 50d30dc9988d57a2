"""What users said in secret in a capture, and who they are, leaves the reader nowhere."""

from __future__ import annotations

from heard_captures import hear
from mailcensus.passive.clients import ClientPolicy
from packets import CLIENT, ETHERNET, SERVER, Ends, Line, connection, framed, pcap

SECRET = b"PLANTED-5ecret"
LOGINS: list[tuple[int, list[Line]]] = [
    (25, [(SERVER, b"220 mx [192.0.2.10] ESMTP\r\n"), (CLIENT, b"EHLO " + SECRET + b"\r\n"),
          (SERVER, b"250-mx Hello " + SECRET + b" [192.0.2.10]\r\n250 AUTH LOGIN\r\n"),
          (CLIENT, b"AUTH LOGIN " + SECRET + b"\r\n"), (SERVER, b"334 " + SECRET + b"\r\n"),
          (CLIENT, SECRET + b"\r\n")]),
    (25, [(SERVER, b"220 mx ESMTP\r\n"), (CLIENT, b"EHLO c\r\nMAIL FROM:<" + SECRET + b"@a>\r\n"),
          (SERVER, b"250 mx\r\n250 <" + SECRET + b"> ok\r\n"), (CLIENT, b"DATA\r\n" + SECRET + b"\r\n.\r\n")]),
    (25, [(SERVER, b"220 mx ESMTP\r\n"), (CLIENT, b"AUTH " + SECRET + b"\r\n")]),
    (25, [(SERVER, b"220 mx ESMTP\r\n"), (CLIENT, b"STARTTLS\r\n"), (SERVER, b"220 go\r\n"),
          (CLIENT, b"\x16\x03\x01" + SECRET * 3), (SERVER, SECRET)]),
    (110, [(SERVER, b"+OK\r\n"), (CLIENT, b"USER " + SECRET + b"\r\n"), (SERVER, b"+OK " + SECRET + b"\r\n"),
           (CLIENT, b"PASS " + SECRET + b"\r\n")]),
    (110, [(SERVER, b"+OK <1.2@mx>\r\n"), (CLIENT, b"APOP " + SECRET + b" c4c9\r\n")]),
    (143, [(SERVER, b"* OK\r\n"), (CLIENT, b"a LOGIN " + SECRET + b" x\r\n"), (SERVER, b"a NO " + SECRET + b"\r\n")]),
    (143, [(SERVER, b"* OK\r\n"), (CLIENT, SECRET + b" CAPABILITY\r\n"), (SERVER, SECRET + b" BAD\r\n")]),
    (6667, [(CLIENT, b"NICK " + SECRET + b"\r\nPASS " + SECRET + b"\r\n"),
            (SERVER, b":irc NOTICE * :*** Found your hostname (" + SECRET + b")\r\n")]),
    (5222, [(CLIENT, b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='"
             + SECRET + b"'>"), (SERVER, b"<stream:stream xmlns='jabber:client' "
             b"xmlns:stream='http://etherx.jabber.org/streams' to='" + SECRET + b"' version='1.0'>"),
            (CLIENT, b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + SECRET + b"</auth>")]),
    (4190, [(SERVER, b'"SIEVE" ""\r\nOK\r\n'), (CLIENT, b'AUTHENTICATE "PLAIN" "' + SECRET + b'"\r\n')]),
    (993, [(CLIENT, b"USER " + SECRET + b"\r\n"), (SERVER, b"\x15\x03\x01" + SECRET)]),
    (22, [(CLIENT, b"SSH-2.0-x\r\n" + bytes(4) + SECRET * 3), (SERVER, b"SSH-2.0-y\r\n" + SECRET)]),
]  # fmt: skip


def test_no_secret_and_no_address_of_a_client_leaves_the_reader() -> None:
    frames = []
    for number, (port, lines) in enumerate(LOGINS):
        segments = connection(lines, Ends(port=port, client_port=40_000 + number))
        frames += [framed(segment.ip(), ETHERNET) for segment in segments]
    heard = hear(pcap(frames), clients=ClientPolicy.DROP)
    text = repr([heard.flows, heard.counts, heard.reads])
    assert len(heard.flows) >= 10
    assert SECRET.decode() not in text
    assert "192.0.2.10" not in text
    assert "client_port=4" not in text
    mechanisms = {flow.client_mechanism for flow in heard.flows}
    assert {"LOGIN", "OTHER", "USER", "APOP", "IMAP LOGIN", "PASS", "PLAIN"} <= mechanisms
