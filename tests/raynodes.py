"""A Ray cluster of two nodes on this machine, in processes of its own: python -m tests.raynodes.

Prints its address and the port of Ray's client server, then obeys lines of standard input: `kill`
kills the second node with all its workers, as when its machine is lost; the end of the input ends
the cluster.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

START_SECONDS = 120
"""That a node may take to start on a busy machine."""


class Nodes:
    """The cluster as a test sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address, port = self._answer().split()
        self.remote = f"ray://127.0.0.1:{port}"

    def kill(self) -> None:
        """Kill the second node."""
        assert self._process.stdin is not None
        print("kill", file=self._process.stdin, flush=True)
        assert self._answer() == "killed"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def two_nodes(**environment: str) -> Iterator[Nodes]:
    """Give a cluster of two nodes, a processor each."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.raynodes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=variables(**environment),
    )
    try:
        yield Nodes(process)
    finally:
        process.communicate(timeout=60)


def variables(**more: str) -> dict[str, str]:
    """Return the environment of nodes and of the commands that use them."""
    fixed = {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    fixed["RAY_raylet_start_wait_time_s"] = str(START_SECONDS)
    fixed["RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S"] = str(START_SECONDS)
    return os.environ | fixed | more


def free_port() -> int:
    """Return the number of a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def main() -> None:
    """Start the cluster and obey."""
    from ray.cluster_utils import Cluster

    options: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 100 << 20}
    port = free_port()
    head = {**options, "include_dashboard": False, "ray_client_server_port": port}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        second = cluster.add_node(**options)
        cluster.wait_for_nodes(timeout=START_SECONDS)
        print(cluster.address, port, flush=True)
        for line in sys.stdin:
            if line.strip() == "kill":
                cluster.remove_node(second, allow_graceful=False)
                print("killed", flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
