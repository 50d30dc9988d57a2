"""Connections that never finish a request are closed; those that do are answered."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState

from mailcensus.outreach.site import impatient


@pytest.mark.parametrize(
    ("sent", "answered"), [(b"GET / HT", b""), (b"", b""), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"here")]
)
def test_whoever_never_ends_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, answered: bytes
) -> None:
    monkeypatch.setattr(impatient, "PATIENCE_S", 0.1)

    async def scene() -> bytes:
        config = uvicorn.Config(PlainTextResponse("here"), log_config=None, timeout_keep_alive=60)
        config.load()
        server = await asyncio.get_running_loop().create_server(
            lambda: impatient.Impatient(config=config, server_state=ServerState(), app_state={}),
            "127.0.0.1",
            0,
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(sent)
            got = await asyncio.wait_for(reader.read(), 60)  # until they close
            writer.close()
        return got

    got = asyncio.run(scene())
    assert got.endswith(answered)
    assert bool(got) == bool(answered)
