# SPDX-License-Identifier: Apache-2.0
"""TLS listeners of a real broker as clients see them: what openssl s_client is offered, sessions that are resumed, client
certificates, records that pass unchanged, and peers that are slow, in plain text or talk nonsense."""
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest
import warnings

import attacks
from broker import Broker, wait_for
from certificates import Authority
from record_cases import fetch_partition
from wire import Connection, array, string
from zookeeper import ZooKeeper, free_port

API_VERSIONS = struct.pack('>ihhih', 10, 18, 0, 7, -1)
LISTENERS = {
    'USUAL': {},
    'NARROW': {'ssl.enabled.protocols': 'TLSv1.2', 'ssl.cipher.suites': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'},
    'NEWEST': {'ssl.enabled.protocols': 'TLSv1.3', 'ssl.cipher.suites': 'TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256'},
    'REQUESTED': {'ssl.client.auth': 'requested'},
    'REQUIRED': {'ssl.client.auth': 'required'},
}
VERSIONS = {'-tls1': 'TLSv1', '-tls1_1': 'TLSv1.1', '-tls1_2': 'TLSv1.2', '-tls1_3': 'TLSv1.3'}
OFFERED = {'USUAL': ['TLSv1.2', 'TLSv1.3'], 'NARROW': ['TLSv1.2'], 'NEWEST': ['TLSv1.3']}
CIPHERS = {'NARROW': ['ECDHE-ECDSA-AES128-GCM-SHA256'],
           'NEWEST': ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256']}


def ask(connection):
    """Whether the broker answers an ApiVersions request."""
    try:
        connection.sendall(API_VERSIONS)
        size, answer = 4, b''
        while len(answer) < size:
            more = connection.recv(65536)
            if not more:
                return False
            answer += more
            size = 4 + int.from_bytes(answer[:4], 'big')
        return answer[4:8] == struct.pack('>i', 7)
    except OSError:
        return False


def ends(connection):
    """Reads until the broker closes, orderly or, since it has not read all that was sent, by a reset."""
    connection.settimeout(60)
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass


class TlsConnection(Connection):
    def __init__(self, port, context):
        super().__init__(port)
        self.socket = context.wrap_socket(self.socket, server_hostname='localhost')


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='barnabas-tls-'))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.authority = Authority(cls.folder)
        cls.client = cls.authority.issue('client', '/O=Barnabas/CN=client')
        (cls.folder / 'other').mkdir()
        cls.stranger = Authority(cls.folder / 'other').issue('stranger', '/CN=stranger')
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        cls.broker = Broker(cls.zookeeper)
        cls.addClassCleanup(cls.broker.close)
        cls.ports = {name: free_port() for name in LISTENERS}
        settings = cls.broker.settings
        settings['listeners'] += ''.join(f',{name}://127.0.0.1:{port}' for name, port in cls.ports.items())
        settings['listener.security.protocol.map'] = ','.join(['PLAINTEXT:PLAINTEXT'] + [f'{name}:SSL' for name in LISTENERS])
        settings.update({'ssl.keystore.type': 'PEM', 'ssl.keystore.location': cls.authority.issue('broker').pem,
                         'ssl.truststore.type': 'PEM', 'ssl.truststore.location': cls.authority.certificate})
        for name, own in LISTENERS.items():
            settings.update({f'listener.name.{name.lower()}.{key}': value for key, value in own.items()})
        cls.broker.start()
        wait_for(lambda: 'The controller is ready' in cls.broker.output(), 'the controller')

    def context(self, version=None, identity=None):
        context = self.authority.client_context(identity)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, name, **arguments):
        session = arguments.pop('session', None)
        context = arguments.pop('context', None) or self.context(**arguments)
        plain = socket.create_connection(('127.0.0.1', self.ports[name]), timeout=60)
        return context.wrap_socket(plain, server_hostname='localhost', session=session)

    def answers(self, name, **arguments):
        try:
            with self.connect(name, **arguments) as connection:
                return ask(connection)
        except OSError:
            return False

    def s_client(self, name, *arguments, say=''):
        """What openssl s_client prints. Its own security level lets it offer all that there is."""
        done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{self.ports[name]}', '-cipher',
                               'ALL:@SECLEVEL=0', *arguments], input=say, capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    @unittest.skipUnless(shutil.which('openssl'), 'needs openssl')
    def test_openssl_sees_the_protocols_that_are_configured(self):
        for name, offered in OFFERED.items():
            for option, version in VERSIONS.items():
                with self.subTest(f'{name} {version}'):
                    seen = self.s_client(name, option)
                    self.assertEqual(f'New, {version}, Cipher is' in seen or f'Protocol  : {version}\n' in seen and
                                     'Cipher is (NONE)' not in seen, version in offered, seen)
                    self.assertNotIn('Compression: zlib', seen)

    @unittest.skipUnless(shutil.which('openssl'), 'needs openssl')
    def test_openssl_sees_the_cipher_suites_that_are_configured(self):
        known = subprocess.run(['openssl', 'ciphers', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'], check=True, capture_output=True,
                               text=True).stdout.strip().split(':')
        for name, expected in CIPHERS.items():
            is_newest = name == 'NEWEST'
            found = []
            for cipher in known:
                if cipher.startswith('TLS_') != is_newest:
                    continue
                seen = (self.s_client(name, '-ciphersuites', cipher) if is_newest else
                        self.s_client(name, '-tls1_2', '-cipher', f'{cipher}:@SECLEVEL=0'))
                if f'Cipher is {cipher}' in seen:
                    found.append(cipher)
            self.assertEqual(sorted(found), sorted(expected), name)

    @unittest.skipUnless(shutil.which('openssl'), 'needs openssl')
    def test_renegotiation_is_refused(self):
        process = subprocess.Popen(['openssl', 's_client', '-tls1_2', '-connect', f'127.0.0.1:{self.ports["USUAL"]}'],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        process.stdin.write('R\n')
        process.stdin.flush()
        seen = ''
        for line in process.stdout:
            seen += line
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
        self.assertIn('RENEGOTIATING', seen)
        self.assertIn('no renegotiation', seen)
        self.assertTrue(self.answers('USUAL'))

    def test_sessions_are_resumed(self):
        for name in 'USUAL', 'REQUIRED':
            for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
                with self.subTest(f'{name} {version.name}'):
                    context = self.context(version, self.client)
                    with self.connect(name, context=context) as connection:
                        self.assertTrue(ask(connection))
                        self.assertFalse(connection.session_reused)
                        session = connection.session
                    with self.connect(name, context=context, session=session) as connection:
                        self.assertTrue(ask(connection))
                        self.assertTrue(connection.session_reused)

    def test_old_protocols_are_refused(self):
        for version in ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1:
            with self.subTest(version.name), warnings.catch_warnings():
                warnings.simplefilter('ignore', DeprecationWarning)
                context = self.context(version)
                context.set_ciphers('ALL:@SECLEVEL=0')
                self.assertFalse(self.answers('USUAL', context=context))
        wait_for(lambda: 'it offers no TLS version that is enabled here' in self.broker.output(), 'a line about that')

    def test_clients_show_certificates(self):
        takes = {'USUAL': (True, True, True), 'REQUESTED': (True, True, False), 'REQUIRED': (False, True, False)}
        for name, expected in takes.items():
            for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
                with self.subTest(f'{name} {version.name}'):
                    found = tuple(self.answers(name, version=version, identity=identity)
                                  for identity in (None, self.client, self.stranger))
                    self.assertEqual(found, expected)
        self.assertIn('CN=stranger, issued by CN=authority, leads to no certificate in the trust store',
                      self.broker.output())

    def test_records_pass_unchanged(self):
        values = [os.urandom(size) for size in (1, 16000, 16384, 70001, 400000, 900000)]
        with TlsConnection(self.ports['USUAL'], self.context()) as secure, Connection(self.broker.port) as plain:
            wait_for(lambda: plain.create_topic('large') in (0, 36), 'the topic')
            wait_for(lambda: plain.metadata('large') == 0, 'its leader')
            for value in values:
                batch = attacks.batch(attacks.record(value))
                answer = secure.call(0, 8, string(None) + struct.pack('>hi', -1, 30000) + array(
                    [string('large') + array([struct.pack('>ii', 0, len(batch)) + batch])]))
                self.assertEqual(struct.unpack_from('>h', answer, 8 + len(string('large')) + 4), (0,))
            request = struct.pack('>iiiib', -1, 0, 1, 1 << 25, 0) + struct.pack('>ii', 0, -1) + array(
                [string('large') + array([fetch_partition(11, 0, 0, size=1 << 25)])]) + array([]) + string('')
            answers = [connection.call(1, 11, request) for connection in (secure, plain)]
            for _ in range(3):  # several answers one after the other over one connection
                self.assertEqual(secure.call(1, 11, request), answers[0])
        self.assertEqual(answers[0], answers[1])
        at = 0
        for value in values:
            at = answers[0].index(value, at)

    def test_slow_handshakes_hold_up_nobody(self):
        slow = [socket.create_connection(('127.0.0.1', self.ports['USUAL'])) for _ in range(200)]
        for number, connection in enumerate(slow):
            connection.sendall(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc'[:number % 10])
        try:
            for _ in range(5):
                self.assertTrue(self.answers('USUAL'))
            for connection in slow:
                ends(connection)  # at the deadline
        finally:
            for connection in slow:
                connection.close()
        self.assertIn('it took too long for its TLS handshake', self.broker.output())

    def send_plain_text(self):
        with socket.create_connection(('127.0.0.1', self.ports['USUAL']), timeout=60) as connection:
            connection.sendall(API_VERSIONS)
            self.assertEqual(connection.recv(1), b'')

    def speak_tls_to_plain(self):
        with socket.create_connection(('127.0.0.1', self.broker.port), timeout=60) as connection:
            with self.assertRaises(OSError):
                self.context().wrap_socket(connection, server_hostname='localhost')

    def test_plain_text_and_tls_are_told_apart(self):
        for attempt, line in ((self.send_plain_text, 'on listener USUAL: it sent plain text'),
                              (self.speak_tls_to_plain, 'on listener PLAINTEXT: it speaks TLS')):
            # Again and again, since only some refusals a second are logged, and other tests cause many.
            wait_for(lambda: (attempt(), line in self.broker.output())[1], line)

    def test_nonsense_ends_its_own_connection_only(self):
        with self.connect('USUAL') as good:
            self.assertTrue(ask(good))
            for start in b'\x16\x03\x01\x00\x10' + os.urandom(16), b'\x16\x03\x03\x00\x00', b'\x80\x2e\x01\x03\x01':
                with socket.create_connection(('127.0.0.1', self.ports['USUAL']), timeout=60) as connection:
                    connection.sendall(start)
                    ends(connection)
            self.assertTrue(ask(good))


if __name__ == '__main__':
    unittest.main()
