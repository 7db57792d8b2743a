"""An HTTP server that does not wait for what would never end by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn


class EndingServer(uvicorn.Server):
    """Ends open streams first when it is told to end, so that they delay nothing.

    Args:
        config: as of uvicorn.
        end_streams: ends them; called in the server's event loop.
    """

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the server."""
        self._end_streams()
        await super().shutdown(sockets)
