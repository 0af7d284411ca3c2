"""`sciencegen serve` under load, and what is lost when its clients and the server are killed.

    python -m tests.benchmarks.serving -o served --requests 10000 --clients 4 --kills 5

1. Clients (threads of one process) that keep their connections ask beside each other. Of 100 requests one has a wrong
   token, one a foreign origin, one the id of no job, and of 1,000 one makes a job; the others read the status, jobs, a
   log, files and a schema. Each answer must be the expected one. Printed: requests a second, latencies, processor time,
   memory and open files of the server.
2. Clients are killed (SIGKILL) at random moments after they sent a request for a job with an `Idempotency-Key`. The
   same request with the same key must then be one job, done once.
3. The server is killed (SIGKILL) at random moments while it draws molecules. After a restart the job must have the
   bytes of the command without a server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

COMMAND = (sys.executable, "-m", "sciencegen")
JOB: Mapping[str, object] = {"name": "moses"}
"""Of `datasets-show`, a short job."""
DRAWN = 300
"""Molecules of the job during which the server is killed."""
CLIENT = """
import http.client, json, sys
port, token, key, body = sys.argv[1:]
head = {"Authorization": "Bearer " + token, "Content-Type": "application/json", "Idempotency-Key": key}
connection = http.client.HTTPConnection("127.0.0.1", int(port))
connection.request("POST", "/verbs/datasets-show?wait=60", body, head)
print("sent", flush=True)
connection.getresponse().read()
"""


class Server:
    """A server in a process of its own. folder: its folder; the same one continues its jobs."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--folder", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        address, self.token = (self.process.stdout.readline().strip() for _ in range(2))
        self.port = int(address.rpartition(":")[2])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def ask(self, path: str, body: object = None, key: str = "", **headers: str) -> tuple[int, Any]:
        """One request by a connection of its own."""
        return answer(self.connect(), self.token, path, body, key, **headers)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait()

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    @property
    def processor_s(self) -> float:
        """User and system time so far, without the jobs."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def files(self) -> int:
        """Open files, sockets included."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def answer(
    connection: http.client.HTTPConnection, token: str, path: str, body: object = None, key: str = "", **headers: str
) -> tuple[int, Any]:
    """The status and the content of an answer; a body makes the request a POST."""
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    head |= {"Idempotency-Key": key} if key else {}
    sent = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, sent, head)
    found = connection.getresponse()
    content = found.read()
    return found.status, json.loads(content) if "json" in found.getheader("Content-Type", "") else content


def some_requests(server: Server, numbers: range, job: str) -> tuple[list[float], list[str], int]:
    """The seconds of each request of one client, the jobs that it made, and the number of wrong answers."""
    connection, seconds, made, wrong = server.connect(), [], [], 0
    reading = ("/status", "/jobs?limit=10", f"/jobs/{job}", f"/jobs/{job}/log", "/files", "/verbs/generate")
    for number in numbers:
        token, path, body, expected, headers = server.token, reading[number % len(reading)], None, 200, {}
        match number % 1000:
            case 0:
                path, body, expected = "/verbs/datasets-show", JOB, 202
            case rest if rest % 100 == 1:
                token, expected = "wrong", 401
            case rest if rest % 100 == 2:
                headers, expected = {"Origin": "http://elsewhere.example"}, 403
            case rest if rest % 100 == 3:
                path, expected = "/jobs/00000000-000000", 404
        since = time.perf_counter()
        status, found = answer(connection, token, path, body, **headers)
        seconds.append(time.perf_counter() - since)
        wrong += status != expected
        made += [found["id"]] if status == 202 else []
    connection.close()
    return seconds, made, wrong


def load(server: Server, requests: int, clients: int) -> None:
    """Ask, and print what it took."""
    job = server.ask("/verbs/datasets-show?wait=300", JOB)[1]["id"]
    some_requests(server, range(4, 104), job)
    before, processor, since = (server.megabytes, server.files), server.processor_s, time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        parts = [range(first, requests, clients) for first in range(clients)]
        found = [*pool.map(lambda numbers: some_requests(server, numbers, job), parts)]
    took, processor = time.perf_counter() - since, server.processor_s - processor
    seconds = np.concatenate([one[0] for one in found]) * 1000
    made = [*chain.from_iterable(one[1] for one in found)]
    done = sum(server.ask(f"/jobs/{id}?wait=300")[1]["state"] == "done" for id in made)
    median, late, latest = np.quantile(seconds, (0.5, 0.99, 1))
    print(
        f"{requests:,} requests of {clients} clients: {requests / took:,.0f} a second, latency {median:.1f} ms (median)"
    )
    print(
        f"  {late:.1f} ms (99%), {latest:.0f} ms (longest); other answers than expected: {sum(one[2] for one in found)}"
    )
    print(f"  jobs done: {done} of {len(made)}; memory {before[0]:.1f} -> {server.megabytes:.1f} MB")
    print(f"  open files {before[1]} -> {server.files}; processor {1000 * processor / requests:.2f} ms a request")


def killed_clients(server: Server, kills: int, generator: random.Random) -> None:
    """Kill clients that wait for a job, and ask again with the same key."""
    whole = 0
    for number in range(kills):
        words = [sys.executable, "-S", "-c", CLIENT, str(server.port), server.token, f"key-{number}", json.dumps(JOB)]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            client.stdout.readline()
            time.sleep(generator.uniform(0, 1))
            client.kill()
        found = server.ask("/verbs/datasets-show?wait=300", JOB, f"key-{number}")[1]
        same = [one for one in server.ask("/jobs?limit=100")[1]["jobs"] if one["id"] == found["id"]]
        whole += (found["state"], found["starts"], len(same)) == ("done", 1, 1)
    print(f"killed clients: {whole} of {kills} requests are one job, done once")


def killed_servers(folder: Path, kills: int, generator: random.Random) -> None:
    """Kill servers that draw molecules, and compare what the next server of the folder has with an unbroken command."""
    whole = 0
    request = {"domain": "molecules", "n": DRAWN, "threads": 1}
    for seed in range(kills):
        server = Server(folder)
        job = server.ask("/verbs/generate", {**request, "seed": seed})[1]
        time.sleep(generator.uniform(0, 8))
        server.end(signal.SIGKILL)
        server = Server(folder)
        found = server.ask(f"/jobs/{job['id']}?wait=300")[1]
        server.end()
        alone = folder / f"alone-{seed}.csv"
        words = ["generate", "molecules", "-n", str(DRAWN), "--seed", str(seed), "--threads", "1", "-o", str(alone)]
        subprocess.run([*COMMAND, *words, "--force"], check=True, capture_output=True)
        whole += found["state"] == "done" and (folder / found["output"]).read_bytes() == alone.read_bytes()
    print(f"killed servers: {whole} of {kills} jobs are done, with the bytes of the command")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="The server's folder.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--kills", type=int, default=5)
    asked, generator = parser.parse_args(), random.Random(0)
    server = Server(asked.output)
    try:
        load(server, asked.requests, asked.clients)
        killed_clients(server, asked.kills, generator)
    finally:
        server.end()
    killed_servers(asked.output, asked.kills, generator)


if __name__ == "__main__":
    main()
