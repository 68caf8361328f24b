"""A server of ssh on 127.0.0.1 that runs the commands of whoever has the key of a file: it prints its port.

ssh_server.py KEY
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncssh


async def command(process: asyncssh.SSHServerProcess) -> None:
    """Run one command; it ends with its connection, as under sshd."""
    pipe = subprocess.PIPE
    child = subprocess.Popen(f"exec {process.command}", shell=True, stdin=pipe, stdout=pipe, stderr=pipe)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    try:
        while child.poll() is None and not process.channel.is_closing():
            await asyncio.sleep(0.05)
        process.exit(child.poll() or 0)
    finally:
        child.terminate()


async def main() -> None:
    """Serve until killed."""
    key = asyncssh.read_private_key(Path(sys.argv[1]))
    keys = asyncssh.import_authorized_keys(key.export_public_key().decode())
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], authorized_client_keys=keys,
                                   process_factory=command, encoding=None)  # fmt: skip
    print(server.get_port(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
