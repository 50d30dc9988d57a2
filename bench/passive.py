"""Reading a capture of 2 GB beside `tshark -T fields` extracting the same columns, in the same run.

    PYTHONPATH=tests python -m bench.passive [--megabytes 2000] [--payload-share 0.9] [--skip-tshark]

The capture is made here and removed behind: handshakes of OpenSSL (TLS 1.2 and 1.3, SMTP with STARTTLS and without)
between many clients and servers, each connection followed by payload, a few very long ones, and traffic on other
ports. tshark reads the same file with the same ports named to it. Ours writes Parquet; tshark's rows go to /dev/null.
"""

from __future__ import annotations

import argparse
import random
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from ipaddress import ip_address
from pathlib import Path

from packets import ACK, CLIENT, SERVER, START_NS, Ends, Line, Segment, connection, framed
from tls_talks import SMTP_BEFORE, tls_talk
from tlspeer.openssl import OpensslPeer

_SERVERS = 5_000
_CLIENTS = 20_000
_PAYLOAD_BYTES = 1_400
_LONG_SHARE = 0.02
_WRITE_BYTES = 8 << 20
_MEMORY_LIMIT_BYTES = 1 << 30
# fmt: off
_FIELDS = (
    "frame.time_epoch", "ip.dst", "tcp.dstport", "tcp.stream", "tls.handshake.type",
    "tls.handshake.version", "tls.handshake.ciphersuite", "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_supported_group", "tls.handshake.sig_hash_alg",
    "tls.handshake.extensions_alpn_str", "tls.handshake.extensions.supported_version", "tls.handshake.ja3",
    "tls.handshake.ja3s", "tls.handshake.server_curve_type", "tls.handshake.server_named_curve",
    "tls.handshake.certificate", "tls.alert_message.desc", "smtp.req.command", "smtp.response.code",
    "smtp.rsp.parameter", "ssh.protocol", "ssh.kex_algorithms",
)
# fmt: on


def main() -> int:
    """Make the capture, read it twice, say how long each took; exit status 1 where ours is slower or too big."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=2_000)
    parser.add_argument("--payload-share", type=float, default=0.9, help="of the bytes (default %(default)s)")
    parser.add_argument("--skip-tshark", action="store_true")
    parser.add_argument(
        "--folder", type=Path, help="where the capture is made (default: the temporary folder)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        capture = Path(folder, "mixed.pcap")
        packets, flows = make_capture(capture, options.megabytes * 10**6, options.payload_share)
        size = capture.stat().st_size
        print(
            f"{size / 1e9:.2f} GB, {packets:,} packets, {flows:,} connections with a handshake or a dialogue"
        )
        wall, cpu, memory = _ours(Path(folder), capture)
        print(
            f"mailcensus: {wall:.1f} s ({cpu:.1f} s CPU), {size / 1e6 / wall:,.0f} MB/s, "
            f"{packets / wall:,.0f} packets/s, peak memory {memory / 2**20:,.0f} MB"
        )
        if options.skip_tshark:
            return int(memory > _MEMORY_LIMIT_BYTES)
        theirs_wall, theirs_cpu, theirs_memory = _tshark(capture)
        print(
            f"tshark -T fields: {theirs_wall:.1f} s ({theirs_cpu:.1f} s CPU), "
            f"peak memory {theirs_memory / 2**20:,.0f} MB"
        )
        ratio = wall / theirs_wall
        print(f"ours / tshark: {ratio:.2f} of its time, {cpu / theirs_cpu:.2f} of its CPU")
    return int(ratio >= 1 or memory > _MEMORY_LIMIT_BYTES)


def make_capture(path: Path, size: int, payload_share: float) -> tuple[int, int]:
    """Write one; packets and connections in it."""
    dice = random.Random(42)
    talks = _talks()
    packets = flows = at_ns = 0
    waiting: list[bytes] = []
    written = held = 0
    long_lived: list[tuple[Ends, int]] = []
    payload = dice.randbytes(_PAYLOAD_BYTES)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        while written < size:
            port, lines = talks[flows % len(talks)]
            ends = _ends(dice, flows, port)
            frames = [framed(segment.ip()) for segment in connection(lines, ends, close=False)]
            said = sum(map(len, frames))
            bulk = int(said * payload_share / (1 - payload_share)) // _PAYLOAD_BYTES
            if dice.random() < _LONG_SHARE:
                long_lived.append((ends, 50_000))
            carriers = [(ends, 50_000), *long_lived[-20:]]
            frames += [_bulk(*dice.choice(carriers), number, payload) for number in range(bulk)]
            for frame in frames:
                at_ns += 50_000
                waiting.append(
                    struct.pack("<IIII", *divmod((START_NS + at_ns) // 1_000, 10**6), len(frame), len(frame))
                )
                waiting.append(frame)
                held += 16 + len(frame)
            packets += len(frames)
            flows += 1
            if held >= _WRITE_BYTES or written + held >= size:
                file.write(b"".join(waiting))
                written, held = written + held, 0
                waiting.clear()
    return packets, flows


def _talks() -> list[tuple[int, list[Line]]]:
    """Ports and what is said there, up to the end of the handshake."""
    new, old = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    talks: list[tuple[int, list[Line]]] = []
    for number in range(6):
        name = f"mx{number}.example"
        for version in (new, old):
            kind = f"rsa{number}" if number % 2 else "ec"
            talk, _ = tls_talk(OpensslPeer(kind=kind, maximum=version), name=name, maximum=version)
            talks += [(25, SMTP_BEFORE.then(talk).lines), (993, talk.lines), (443, talk.lines)]
    plain = [
        *SMTP_BEFORE.lines[:3],
        (CLIENT, b"MAIL FROM:<a@example>\r\n"),
        (SERVER, b"250 Ok\r\n"),
    ]
    return [*talks, (25, plain)]


def _ends(dice: random.Random, flow: int, port: int) -> Ends:
    client = str(ip_address(0x0A000000 + dice.randrange(_CLIENTS)))
    server = str(ip_address(0xC6330000 + dice.randrange(_SERVERS)))
    return Ends(client, 20_000 + flow % 40_000, server, port)


def _bulk(ends: Ends, sequence: int, number: int, payload: bytes) -> bytes:
    return framed(Segment(ends, number % 2, sequence + number * len(payload), 0, ACK, payload).ip())


def _ours(folder: Path, capture: Path) -> tuple[float, float, float]:
    program = [sys.executable, "-m", "mailcensus"]
    study = folder / "study"
    subprocess.run([*program, "init", str(study)], check=True, capture_output=True)
    return _timed([*program, "passive", str(study), str(capture), "--quiet"])


def _tshark(capture: Path) -> tuple[float, float, float]:
    tshark = shutil.which("tshark")
    if tshark is None:
        raise SystemExit("tshark is not installed (apt-get install tshark), or say --skip-tshark")
    fields = [word for name in _FIELDS for word in ("-e", name)]
    wanted = "tls.handshake or tls.alert_message or smtp or ssh"
    return _timed([tshark, "-n", "-r", str(capture), "-Y", wanted, "-T", "fields", *fields])


def _timed(command: list[str]) -> tuple[float, float, float]:
    """Wall clock and CPU seconds, and bytes of memory at most."""
    script = (
        "import resource, subprocess, sys; "
        "r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
        "u = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "sys.stderr.write(f'@{u.ru_utime + u.ru_stime} {u.ru_maxrss}'); sys.exit(r)"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, *command], stderr=subprocess.PIPE, check=False, text=True
    )
    wall = time.perf_counter() - began
    words = done.stderr.rpartition("@")
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {words[0][-500:]}")
    cpu, peak_kb = words[2].split()
    return wall, float(cpu), float(peak_kb) * 1_024


if __name__ == "__main__":
    sys.exit(main())
