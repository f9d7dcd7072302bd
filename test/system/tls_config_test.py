# SPDX-License-Identifier: Apache-2.0
"""TLS as it is configured: listeners with settings of their own, certificates that are replaced in their files or by an
administrator while the broker runs, principals by mapping rules, brokers among themselves over TLS, and what is said
when something is wrong."""
import json
import pathlib
import shutil
import tempfile
import unittest

from admin_cases import BROKER, DELETE, SET, alter, describe, resource
from broker import Broker, wait_for
from certificates import Authority, serial_number
from wire import Connection, array, string
from zookeeper import ZooKeeper, free_port
from zookeeper_client import Client

SECRET = 'hunter22'
INVALID_REQUEST, INVALID_CONFIG, NONE = 42, 40, 0


class TlsConnection(Connection):
    """Speaks TLS; verifies the broker as localhost."""

    def __init__(self, port, context):
        super().__init__(port)
        self.socket = context.wrap_socket(self.socket, server_hostname='localhost')


class TlsConfig(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.zookeeper.__exit__(None, None, None)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='barnabas-tls-'))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.authority = Authority(self.folder)
        self.chroot = f'/{self._testMethodName}'
        self.ports = {}

    def broker(self, listeners=('PLAINTEXT', 'SSL'), **settings):
        """A broker, not started, with free ports at self.ports; keyword arguments are settings with __ for the dot."""
        broker = Broker(self.zookeeper)
        self.addCleanup(broker.close)
        broker.settings['zookeeper.connect'] = self.zookeeper.connect + self.chroot
        self.ports = {name: free_port() for name in listeners}
        self.ports['PLAINTEXT'] = broker.port
        broker.settings['listeners'] = ','.join(f'{name}://127.0.0.1:{self.ports[name]}' for name in listeners)
        broker.settings.update({key.replace('__', '.'): value for key, value in settings.items()})
        return broker

    def keys(self, identity, prefix=''):
        return {f'{prefix}ssl.keystore.type': 'PEM', f'{prefix}ssl.keystore.location': identity.pem}

    def serial(self, listener='SSL'):
        return serial_number(self.ports[listener], self.authority.client_context())

    def expect_serial(self, certificate, listener='SSL'):
        wanted = certificate.serial()
        wait_for(lambda: self.serial(listener) == wanted, 'the new certificate')

    def alter(self, broker, *configs, incremental=True):
        """The error and the message for changes (key, value) of broker 0; a value of None deletes."""
        changes = [(key, DELETE if value is None else SET, value) for key, value in configs]
        with Connection(broker.port) as connection:
            (error, message, _, _), = alter(resource(BROKER, '0', *(changes if incremental else configs)),
                                            incremental=incremental)(connection)
        return error, message

    def describe(self, broker, *keys):
        with Connection(broker.port) as connection:
            (error, _, _, _, rows), = describe(BROKER, '0', *keys)(connection)
        self.assertEqual(error, 0)
        return {row[0]: row[1:] for row in rows}

    # ---- Files

    def test_files_that_are_replaced(self):
        first, second = self.authority.issue('first'), self.authority.issue('second')
        other_key = self.authority.issue('other')
        store = self.folder / 'store.pem'
        shutil.copy(first.pem, store)
        broker = self.broker(ssl__keystore__type='PEM', ssl__keystore__location=store).start()
        self.assertEqual(self.serial(), first.serial())
        old = TlsConnection(self.ports['SSL'], self.authority.client_context())

        shutil.copy(second.pem, store)
        self.expect_serial(second)
        old.call(18, 0, b'')  # an open connection stays
        old.close()

        def complaints():
            return broker.output().count('the old ones stay in force')

        def replace(text, complaint):
            before = complaints()
            (self.folder / 'next').write_text(text)
            (self.folder / 'next').rename(store)
            wait_for(lambda: complaints() > before, 'the next complaint')
            self.assertIn(complaint, broker.output())
            self.assertEqual(self.serial(), second.serial())
        replace(other_key.key.read_text() + first.certificate.read_text(), 'the old ones stay in force')
        replace('nothing of the kind', str(store))
        stranger = self.authority.issue('stranger', subject='/O=Barnabas/CN=stranger')
        replace(stranger.pem.read_text(), 'Keystore DistinguishedName does not match:  existing={DN=CN=broker,O=Barnabas}, '
                                          'new={DN=CN=stranger,O=Barnabas}')
        fewer = self.authority.issue('fewer', alternatives='DNS:localhost')
        replace(fewer.pem.read_text(), 'Keystore SubjectAltNames do not match:  existing={SAN=[DNS:localhost, IP Address:'
                                       '127.0.0.1]}, new={SAN=[DNS:localhost]}')
        store.unlink()
        wait_for(lambda: complaints() == 5, 'the complaint about no file')
        self.assertEqual(self.serial(), second.serial())
        shutil.copy(first.pem, store)
        self.expect_serial(first)
        self.assertEqual(complaints(), 5)  # each once
        self.assertEqual(broker.stop(), 143)

    def test_names_that_may_change(self):
        first, second = self.authority.issue('first'), self.authority.issue('x', '/CN=other', 'DNS:localhost')
        # As in a container: what changes is a link on the way to the file.
        store, latest = self.folder / 'latest' / 'store.pem', self.folder / 'latest'
        for folder, identity in ('1', first), ('2', second):
            (self.folder / folder).mkdir()
            shutil.copy2(identity.pem, self.folder / folder / 'store.pem')
        latest.symlink_to('1')
        broker = self.broker(ssl__keystore__type='PEM', ssl__keystore__location=store, ssl__allow__dn__changes='true',
                             ssl__allow__san__changes='true').start()
        (self.folder / 'next').symlink_to('2')
        (self.folder / 'next').rename(latest)
        self.expect_serial(second)
        self.assertEqual(broker.stop(), 143)

    # ---- Listeners

    def test_listeners_of_their_own(self):
        inside, outside = self.authority.issue('inside'), self.authority.issue('outside')
        strangers = Authority(self.folder, 'strangers')
        broker = self.broker(('PLAINTEXT', 'INSIDE', 'OUTSIDE'),
                             listener__security__protocol__map='PLAINTEXT:PLAINTEXT,INSIDE:SSL,OUTSIDE:SSL')
        broker.settings.update(self.keys(outside))
        broker.settings.update(self.keys(inside, 'listener.name.inside.'))
        broker.settings.update({'listener.name.inside.ssl.client.auth': 'required',
                                'listener.name.inside.ssl.truststore.type': 'PEM',
                                'listener.name.inside.ssl.truststore.location': self.authority.certificate,
                                'listener.name.inside.ssl.enabled.protocols': 'TLSv1.3',
                                'listener.name.outside.ssl.enabled.protocols': 'TLSv1.2',
                                'listener.name.INSIDE.ssl.protocol': 'TLSv1.2'})
        broker.start()
        self.assertEqual(self.serial('OUTSIDE'), outside.serial())
        context = self.authority.client_context(self.authority.issue('client', '/CN=client'))
        with TlsConnection(self.ports['INSIDE'], context) as connection:
            self.assertEqual(connection.socket.version(), 'TLSv1.3')
            # Each listener is answered with its own addresses.
            self.assertIn(string('127.0.0.1') + self.ports['INSIDE'].to_bytes(4, 'big'),
                          connection.call(3, 1, b'\0\0\0\0'))
        with TlsConnection(self.ports['OUTSIDE'], self.authority.client_context()) as connection:
            self.assertEqual(connection.socket.version(), 'TLSv1.2')
            self.assertIn(string('127.0.0.1') + self.ports['OUTSIDE'].to_bytes(4, 'big'),
                          connection.call(3, 1, b'\0\0\0\0'))
        for refused in self.authority.client_context(), self.authority.client_context(strangers.issue('s', '/CN=s')):
            with self.assertRaises(OSError), TlsConnection(self.ports['INSIDE'], refused) as connection:
                connection.call(18, 0, b'')
        self.assertIn('listener.name.INSIDE.ssl.protocol has no effect', broker.output())
        with Client(self.zookeeper) as client:
            znode = json.loads(client.get(f'{self.chroot}/brokers/ids/0'))
        self.assertEqual(znode['listener_security_protocol_map'],
                         {'PLAINTEXT': 'PLAINTEXT', 'INSIDE': 'SSL', 'OUTSIDE': 'SSL'})
        self.assertIn(f"INSIDE://127.0.0.1:{self.ports['INSIDE']}", znode['endpoints'])
        self.assertEqual(broker.stop(), 143)

    def test_brokers_among_themselves(self):
        """Without a listener in plain text: the controller reaches its broker, which wants its certificate, over TLS."""
        broker = self.broker(('SSL',), security__inter__broker__protocol='SSL', ssl__client__auth='required',
                             ssl__truststore__type='PEM', ssl__truststore__location=self.authority.certificate)
        broker.settings['ssl.principal.mapping.rules'] = 'RULE:^CN=(.*?)[,]O=Barnabas$/$1/U,RULE:^CN=alice$/alice/'
        broker.settings.update(self.keys(self.authority.issue('broker')))
        broker.launch()
        alice = self.authority.client_context(self.authority.issue('alice', '/CN=alice'))

        def created():
            try:
                with TlsConnection(self.ports['SSL'], alice) as connection:
                    return connection.create_topic('over-tls') in (0, 36)
            except OSError:
                return False
        wait_for(created, 'a topic to be created')
        with TlsConnection(self.ports['SSL'], alice) as connection:
            wait_for(lambda: connection.metadata('over-tls') == 0, 'its leader')
            connection.send(99, 0, b'')
            wait_for(lambda: 'User:alice' in broker.output(), 'the principal in the log')
        mallory = self.authority.client_context(self.authority.issue('mallory', '/CN=mallory'))
        with self.assertRaises(OSError), TlsConnection(self.ports['SSL'], mallory) as connection:
            connection.call(18, 0, b'')
        wait_for(lambda: 'No rules apply to CN=mallory, rules [RULE:' in broker.output(), 'the refusal of mallory')
        with Client(self.zookeeper) as client:
            znode = json.loads(client.get(f'{self.chroot}/brokers/ids/0'))
        self.assertEqual((znode['host'], znode['port']), (None, -1))
        self.assertEqual(znode['endpoints'], [f"SSL://127.0.0.1:{self.ports['SSL']}"])
        self.assertEqual(broker.stop(), 143)

    def test_a_name_that_does_not_match(self):
        """A broker does not answer to the name that its certificate bears: its controller says so, until it does."""
        wrong = self.authority.issue('wrong', alternatives='DNS:other')
        store = self.folder / 'store.pem'
        shutil.copy(wrong.pem, store)
        broker = self.broker(('SSL',), security__inter__broker__protocol='SSL', ssl__keystore__type='PEM',
                             ssl__keystore__location=store, ssl__truststore__type='PEM',
                             ssl__truststore__location=self.authority.certificate)
        broker.launch()
        wait_for(lambda: "does not answer the controller's request" in broker.output(), 'the complaint')
        complaint, = (line for line in broker.output().splitlines() if "does not answer the controller's" in line)
        self.assertIn('127.0.0.1', complaint)
        self.assertRegex(complaint, 'mismatch|does not match|other')
        right = self.authority.issue('right', alternatives='DNS:other,DNS:localhost,IP:127.0.0.1')
        shutil.copy(right.pem, store)
        wait_for(lambda: 'started' in broker.output(), 'the start')
        self.assertEqual(broker.stop(), 143)
        shutil.copy(wrong.pem, store)
        broker.settings['ssl.endpoint.identification.algorithm'] = ''
        broker.log.unlink()
        broker.launch()
        wait_for(lambda: 'started' in broker.output(), 'the start')
        self.assertNotIn('does not answer', broker.output())
        self.assertEqual(broker.stop(), 143)

    # ---- Administrators

    def test_changes_by_an_administrator(self):
        first, second = self.authority.issue('first'), self.authority.issue('second')
        stranger = self.authority.issue('stranger', subject='/CN=stranger')
        broker = self.broker()
        broker.settings.update(self.keys(first))
        broker.start()
        location = 'listener.name.ssl.ssl.keystore.location'

        self.assertEqual(self.alter(broker, (location, second.pem.as_posix())), (NONE, None))
        self.expect_serial(second)
        self.assertEqual(self.describe(broker, location, 'ssl.keystore.location'),
                         {location: (second.pem.as_posix(), True, 2, False),
                          'ssl.keystore.location': (first.pem.as_posix(), False, 4, False)})

        for value, said in ((stranger.pem, 'DistinguishedName'), (self.folder / 'nosuch', 'nosuch')):
            error, message = self.alter(broker, (location, str(value)))
            self.assertEqual(error, INVALID_REQUEST)
            self.assertTrue(message.startswith('Invalid dynamic configuration'), message)
            self.assertIn(said, message)
        self.assertEqual(self.alter(broker, ('ssl.keystore.location', str(first.pem))),
                         (INVALID_REQUEST, 'These security configs can be dynamically updated only per-listener using the '
                                           'listener prefix: HashSet(ssl.keystore.location)'))
        error, message = self.alter(broker, ('listener.name.ssl.ssl.client.auth', 'required'))
        self.assertEqual(error, INVALID_REQUEST)
        self.assertIn('Configs cannot be updated dynamically for existing listener ListenerName(SSL)', message)
        self.assertEqual(self.serial(), second.serial())

        # The same value again, while the file is another: it is loaded at once, or refused.
        third = self.authority.issue('third')
        second.pem.write_text(third.key.read_text() + third.certificate.read_text())
        self.assertEqual(self.alter(broker, (location, str(second.pem))), (NONE, None))
        self.assertEqual(self.serial(), third.serial())
        second.pem.write_text('damaged')
        error, message = self.alter(broker, (location, str(second.pem)))
        self.assertEqual(error, INVALID_CONFIG)
        self.assertIn("Invalid config value for resource ConfigResource(type=BROKER, name='0'): ", message)
        second.bundle()
        self.expect_serial(second)

        # Limits may be set for a listener, too, for this broker or for all.
        limit = 'listener.name.ssl.max.connections'
        for name, value, source in ('', '9', 3), ('0', '7', 2):
            with Connection(broker.port) as connection:
                self.assertEqual(alter(resource(BROKER, name, (limit, SET, value)))(connection), [(NONE, None, BROKER, name)])
                wait_for(lambda: describe(BROKER, name, limit)(connection) ==
                         [(0, '', BROKER, name, [(limit, value, True, source, False)])], 'the limit')
        self.assertEqual(self.alter(broker, (limit, 'x'))[0], INVALID_REQUEST)
        with Connection(broker.port) as connection:
            alter(resource(BROKER, '', (limit, DELETE, None)))(connection)
        self.assertEqual(self.alter(broker, (limit, None)), (NONE, None))

        # It is there after a restart, and gone when it is deleted.
        self.assertEqual(broker.stop(), 143)
        broker.start()
        self.assertEqual(self.serial(), second.serial())
        self.assertEqual(self.alter(broker, (location, None)), (NONE, None))
        self.expect_serial(first)
        self.assertEqual(broker.stop(), 143)

    def test_passwords_by_an_administrator(self):
        first, second = self.authority.issue('first'), self.authority.issue('second')
        store = second.write_pkcs12(self.folder / 'second.p12', SECRET)
        changes = [('listener.name.ssl.ssl.keystore.location', str(store)),
                   ('listener.name.ssl.ssl.keystore.password', SECRET),
                   ('listener.name.ssl.ssl.keystore.type', 'PKCS12')]
        broker = self.broker()
        broker.settings.update(self.keys(first))
        broker.start()
        self.assertEqual(self.alter(broker, *changes),
                         (INVALID_CONFIG, "Invalid config value for resource ConfigResource(type=BROKER, name='0'): "
                                          'Password encoder secret not configured'))
        self.assertEqual(broker.stop(), 143)
        broker.settings['password.encoder.secret'] = 'one'
        broker.start()
        error, message = self.alter(broker, changes[0], (changes[1][0], 'xyzzy'), changes[2])
        self.assertEqual(error, INVALID_REQUEST)
        self.assertNotIn('xyzzy', message)
        self.assertEqual(self.alter(broker, *changes), (NONE, None))
        self.expect_serial(second)
        self.assertEqual(self.describe(broker, changes[1][0])[changes[1][0]][0], None)
        with Client(self.zookeeper) as client:
            stored = client.get(f'{self.chroot}/config/brokers/0')
        self.assertNotIn(SECRET.encode(), stored)
        self.assertIn(b'PBKDF2WithHmacSHA512', stored)

        # Another secret takes over what the old one encrypted.
        for secrets in {'password.encoder.secret': 'two', 'password.encoder.old.secret': 'one'}, \
                {'password.encoder.secret': 'two', 'password.encoder.old.secret': ''}:
            self.assertEqual(broker.stop(), 143)
            broker.settings.update(secrets)
            broker.start()
            self.assertEqual(self.serial(), second.serial())
        self.assertNotIn(SECRET, broker.output())
        self.assertEqual(self.alter(broker, *((key, None) for key, _ in changes)), (NONE, None))
        self.expect_serial(first)
        self.assertEqual(broker.stop(), 143)

    # ---- Mistakes

    def test_a_start_that_fails(self):
        first, other = self.authority.issue('first'), self.authority.issue('other')
        store = first.write_pkcs12(self.folder / 'first.p12', SECRET)
        mixed = self.folder / 'mixed.pem'
        mixed.write_text(first.key.read_text() + other.certificate.read_text())
        for settings, words in (
                ({}, ['listener SSL', 'ssl.keystore.location']),
                ({'ssl.keystore.location': self.folder / 'nosuch', 'ssl.keystore.password': 'x'}, ['listener SSL', 'nosuch']),
                ({'ssl.keystore.location': store, 'ssl.keystore.password': 'y'}, ['listener SSL', 'first.p12', 'password']),
                ({'ssl.keystore.location': store},
                 ['SSL key store is specified, but key store password is not specified.']),
                ({'ssl.keystore.type': 'PEM', 'ssl.keystore.location': mixed}, ['listener SSL', 'mixed.pem']),
                (dict(self.keys(first), **{'ssl.enabled.protocols': 'SSLv3'}), ['listener SSL', 'SSLv3']),
                (dict(self.keys(first), **{'ssl.cipher.suites': 'NO_SUCH'}), ['listener SSL', 'NO_SUCH']),
                (dict(self.keys(first), **{'ssl.principal.mapping.rules': 'RULE:x'}), ['listener SSL', 'Invalid rule: `RULE:x`']),
        ):
            with self.subTest(words=words):
                broker = self.broker()
                broker.settings.update(settings)
                broker.launch()
                self.assertEqual(broker.process.wait(60), 1)
                fatal, = (line for line in broker.output().splitlines() if 'FATAL' in line)
                for word in words:
                    self.assertIn(word, fatal)
                self.assertNotIn(SECRET, broker.output())


if __name__ == '__main__':
    unittest.main()
