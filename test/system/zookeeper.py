# SPDX-License-Identifier: Apache-2.0
"""A real ZooKeeper server (Debian's, on plain Java) for tests: on a free port, with its data in a temporary folder."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

JARS = pathlib.Path('/usr/share/java')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class ZooKeeper:
    """with ZooKeeper() as zookeeper: … zookeeper.connect is "127.0.0.1:PORT". Small ticks: sessions may be as short as
    one second."""

    def __init__(self, tick_ms=500):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='barnabas-zookeeper-'))
        self.data = self.folder / 'data'
        self.port = free_port()
        self.connect = f'127.0.0.1:{self.port}'
        self.process = None
        self.data.mkdir()
        (self.folder / 'zoo.cfg').write_text(
            f'tickTime={tick_ms}\ndataDir={self.data}\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n'
            f'maxClientCnxns=0\nadmin.enableServer=false\nminSessionTimeout={2 * tick_ms}\nmaxSessionTimeout=60000\n')

    def start(self):
        """Returns once it answers. The data of an earlier run are there again."""
        log = open(self.folder / 'zookeeper.log', 'ab')
        self.process = subprocess.Popen(
            ['java', '-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dzookeeper.forceSync=no',
             '-Dzookeeper.preAllocSize=64', '-Dzookeeper.jmx.log4j.disable=true', '-cp', JARS / 'zookeeper.jar',
             'org.apache.zookeeper.server.quorum.QuorumPeerMain', self.folder / 'zoo.cfg'],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 60
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError('ZooKeeper did not start:\n' + (self.folder / 'zookeeper.log').read_text())
            time.sleep(0.05)
        return self

    def answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self.port), timeout=1) as connection:
                connection.sendall(b'srvr')
                return b'Mode:' in connection.makefile('rb').read()
        except OSError:
            return False

    def kill(self):
        """As kill -9. Sessions live on in its data until they expire after the next start."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self):
        """Returns when it has stopped: until then it might still answer."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exception):
        self.close()


def environment(zookeeper):
    """The process environment with ZOOKEEPER_CONNECT, and what the sanitizers must know of the client library."""
    folder = pathlib.Path(__file__).resolve().parent.parent
    result = dict(os.environ, ZOOKEEPER_CONNECT=zookeeper.connect)
    for name, file in ('TSAN_OPTIONS', 'tsan.supp'), ('LSAN_OPTIONS', 'lsan.supp'):
        if 'suppressions=' not in result.get(name, ''):
            result[name] = f'{result.get(name, "")} suppressions={folder / file}'.strip()
    return result
