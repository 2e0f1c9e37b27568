"""A relay on loopback that can be cut: python relay.py LISTEN TO. SIGUSR1: it accepts, and closes at once; so does
whatever went through it. SIGUSR2: it relays again.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys


class Relay:
    def __init__(self, to: int) -> None:
        self.to, self.whole = to, True
        self.open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        self.whole = False
        for each in self.open:
            each.transport.abort()

    def mend(self) -> None:
        self.whole = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.close()
            return
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
            self.open |= {writer, far_writer}
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
            self.open -= {writer, far_writer}
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(listen: int, to: int) -> None:
    relay, loop = Relay(to), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, relay.cut)
    loop.add_signal_handler(signal.SIGUSR2, relay.mend)
    await asyncio.start_server(relay.serve, "127.0.0.1", listen)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
