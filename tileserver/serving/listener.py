"""The socket that a server listens on, and its address for people."""

from __future__ import annotations

import errno
import socket
import time

from tileserver.errors import StartError

BACKLOG = 2048
PATIENCE_SECONDS = 0.5
"""How long a port in use is tried again: a server that was just killed may still hold it."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that accepts connections; port 0 takes a free one. Raises StartError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((host, port), family=family, backlog=BACKLOG)
        except socket.gaierror as error:
            raise StartError(
                f"the host {host!r} cannot be found ({error.strerror}), expected a name or an IP "
                "address of this machine"
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            reason = {
                errno.EADDRINUSE: "is in use by another program",
                errno.EACCES: "may not be used without more rights",
            }.get(error.errno or 0, f"cannot be used: {error}")
            raise StartError(
                f"port {port} of {host} {reason}, expected a free one; give another with --port"
            ) from None


def address(listener: socket.socket, host: str) -> str:
    """Return the URL to open in a browser."""
    port = listener.getsockname()[1]
    name = "localhost" if host in ("0.0.0.0", "::") else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"
