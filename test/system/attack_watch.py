# SPDX-License-Identifier: Apache-2.0
"""Runs an attack (attacks.py) in a process of its own and watches the broker meanwhile: its memory, and how long an
ordinary client has to wait."""
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

import attacks



def memory_kilobytes(pid):
    """Resident now, and at its peak since reset_peak."""
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    fields = dict(line.split(':', 1) for line in status.splitlines())
    return int(fields['VmRSS'].split()[0]), int(fields['VmHWM'].split()[0])


def reset_peak(pid):
    pathlib.Path(f'/proc/{pid}/clear_refs').write_text('5')


class Bystander(threading.Thread):
    """An ordinary client: asks for ApiVersions ten times a second, on a connection that it keeps, and every second on a
    new one. The longest times in milliseconds; None: no answer within the patience."""

    def __init__(self, port, patience_s=30):
        super().__init__(daemon=True)
        self.port, self.patience_s = port, patience_s
        self.ended = threading.Event()
        self.slowest_ms, self.slowest_new_ms, self.failures, self.count = 0, 0, 0, 0

    def ask(self, peer):
        peer.sendall(attacks.API_VERSIONS)
        head = peer.recv(4, socket.MSG_WAITALL)
        peer.recv(struct.unpack('>i', head)[0], socket.MSG_WAITALL)

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port), timeout=self.patience_s)

    def run(self):
        peer = None
        while not self.ended.is_set():
            try:
                if peer is None:
                    peer = self.connect()
                started = time.monotonic()
                self.ask(peer)
                self.slowest_ms = max(self.slowest_ms, (time.monotonic() - started) * 1000)
                if self.count % 10 == 0:
                    started = time.monotonic()
                    with self.connect() as newcomer:
                        self.ask(newcomer)
                    self.slowest_new_ms = max(self.slowest_new_ms, (time.monotonic() - started) * 1000)
                self.count += 1
            except (OSError, struct.error):
                if peer is not None:
                    peer.close()
                self.failures += 1
                peer = None
            self.ended.wait(0.1)
        if peer is not None:
            peer.close()

    def end(self):
        self.ended.set()
        self.join(self.patience_s * 2)


class Outcome:
    def __init__(self, name, seen, peak_growth_kb, growth_kb, bystander, seconds):
        self.name, self.seen, self.seconds = name, seen, seconds
        self.peak_growth_kb, self.growth_kb = peak_growth_kb, growth_kb
        self.slowest_ms, self.slowest_new_ms = bystander.slowest_ms, bystander.slowest_new_ms
        self.failures, self.answers = bystander.failures, bystander.count

    def __str__(self):
        return (f'{self.name}: {self.seen}; grew by {self.peak_growth_kb >> 10} MB, {self.growth_kb >> 10} MB stay; others waited '
                f'{self.slowest_ms:.0f} ms, new ones {self.slowest_new_ms:.0f} ms, {self.failures} times in vain; '
                f'{self.seconds:.0f} s')


def attack(name, pid, port, tls_port=None, patience_s=60):
    """patience_s: how long an attack waits for the broker in one go; it is ended after three times that."""
    reset_peak(pid)
    before, _ = memory_kilobytes(pid)
    bystander = Bystander(port)
    bystander.start()
    started = time.monotonic()
    command = [sys.executable, attacks.__file__, name, str(port)] + ([str(tls_port)] if tls_port else [])
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3 * patience_s, check=False,
                              env=os.environ | {'ATTACK_PATIENCE_S': str(patience_s)})
        seen = done.stdout.strip() or (done.stderr.strip().splitlines() or ['nothing'])[-1]
    except subprocess.TimeoutExpired:
        seen = f'not over after {3 * patience_s} s'
    seconds = time.monotonic() - started
    bystander.end()
    try:
        resident, peak = memory_kilobytes(pid)
    except (OSError, KeyError):
        resident, peak = before, before
        seen += '; THE BROKER HAS ENDED'
    return Outcome(name, seen, peak - before, resident - before, bystander, seconds)
