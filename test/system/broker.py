# SPDX-License-Identifier: Apache-2.0
"""A real broker for system tests: the program under test on free ports, with its data in a temporary folder."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from zookeeper import free_port

PROGRAM = os.environ.get('BARNABAS_BROKER', 'barnabas')
SANITIZERS_SAY = ('ERROR: AddressSanitizer', 'WARNING: ThreadSanitizer', 'ERROR: LeakSanitizer', ': runtime error: ')
WAIT_S = 120  # generous: the machine may be busy and the program slowed by a sanitizer


def wait_for(condition, what, seconds=WAIT_S):
    """The first true value of condition(); AssertionError after `seconds` without one."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'gave up waiting for {what}')
        time.sleep(0.02)


class Broker:
    """with Broker(zookeeper) as broker: … broker.address is "127.0.0.1:PORT". Settings are keyword arguments with _ for
    the dot, or the dictionary `settings`."""

    def __init__(self, zookeeper, broker_id=0, settings=None, folder=None):
        self.zookeeper = zookeeper
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix='barnabas-broker-'))
        self.data = self.folder / 'data'
        self.log = self.folder / 'broker.log'
        self.port = free_port()
        self.address = f'127.0.0.1:{self.port}'
        self.process = None
        self.settings = {
            'broker.id': broker_id,
            'listeners': f'PLAINTEXT://127.0.0.1:{self.port}',
            'log.dirs': self.data,
            'zookeeper.connect': zookeeper.connect if zookeeper else '127.0.0.1:1',
            'offsets.topic.replication.factor': 1,
            'offsets.topic.num.partitions': 3,
            'transaction.state.log.replication.factor': 1,
            'transaction.state.log.min.isr': 1,
            'group.initial.rebalance.delay.ms': 0,
        }
        self.settings.update(settings or {})

    def launch(self, arguments=()):
        """Starts the program without waiting for it to serve."""
        file = self.folder / 'server.properties'
        file.write_text(''.join(f'{key}={value}\n' for key, value in self.settings.items()))
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([PROGRAM, file, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self):
        """Returns once it serves. May be called again after stop or kill; its data are there again."""
        self.launch()
        wait_for(lambda: self.process.poll() is not None or self.answers(), 'the broker to start')
        if self.process.poll() is not None:
            raise AssertionError(f'the broker ended with {self.process.returncode}:\n{self.output()}')
        return self

    def answers(self):
        """Whether it answers a Metadata request, version 1 for no topics, with the brokers that it knows: one at least."""
        request = b'\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00'
        try:
            with socket.create_connection(('127.0.0.1', self.port), timeout=5) as connection:
                connection.sendall(request)
                answer = connection.recv(12, socket.MSG_WAITALL)
                return len(answer) == 12 and int.from_bytes(answer[8:], 'big') > 0
        except OSError:
            return False

    def output(self):
        return self.log.read_text(errors='replace') if self.log.exists() else ''

    def stop(self, signal_number=signal.SIGTERM):
        """An orderly end. Returns the exit code."""
        self.process.send_signal(signal_number)
        code = self.process.wait(WAIT_S)
        self.process = None
        return code

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def resident_kilobytes(self):
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text()
        return int(next(line for line in status.splitlines() if line.startswith('VmRSS')).split()[1])

    def close(self):
        code = None
        if self.process:
            code = self.process.poll()
            self.process.kill()
            self.process.wait()
        output = self.output()
        complaint = next((word for word in SANITIZERS_SAY if word in output), None)
        if code not in (None, 0) or complaint:
            print(output)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if complaint:
            raise AssertionError(f'{complaint} in the broker\'s output')

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exception):
        if exception[0] is not None:
            print(f'---- the broker\'s log\n{self.output()[-20000:]}')
        self.close()


def run(arguments, stdin='', seconds=WAIT_S, check=True):
    """Runs a program to its end and returns its standard output."""
    done = subprocess.run([str(argument) for argument in arguments], input=stdin, capture_output=True, text=True,
                          timeout=seconds)
    if check and done.returncode != 0:
        raise AssertionError(f'{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}')
    return done.stdout


def kcat(broker, *arguments, stdin='', check=True):
    return run(['kcat', '-b', broker.address, *arguments], stdin, check=check)
