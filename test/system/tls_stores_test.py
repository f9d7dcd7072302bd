# SPDX-License-Identifier: Apache-2.0
"""Key stores and trust stores of every format (test/golden/tls, made by keytool and openssl) in a real broker: those
that are in order are served, one listener each; each that is not stops the broker with a line that names the listener,
the file, the entry and the reason."""
import pathlib
import shutil
import socket
import ssl
import subprocess
import unittest

from broker import Broker, WAIT_S, wait_for
from zookeeper import ZooKeeper, free_port

STORES = pathlib.Path(__file__).resolve().parent.parent / 'golden' / 'tls'
STORE, KEY = 'store-secret', 'key-secret'
BROKER, BROKER_EC = 'broker.example.com', 'broker-ec.example.com'


def one_line(name):
    """PEM text as the value of a property: spaces for line ends."""
    return ' '.join((STORES / name).read_text().split('\n'))


def key_store(name, kind='JKS', password=STORE, key_password=None):
    settings = {'ssl.keystore.type': kind, 'ssl.keystore.location': STORES / name}
    if password is not None:
        settings['ssl.keystore.password'] = password
    if key_password is not None:
        settings['ssl.key.password'] = key_password
    return settings


def pem_inline(key, chain, key_password=None):
    settings = {'ssl.keystore.type': 'PEM', 'ssl.keystore.key': one_line(key),
                'ssl.keystore.certificate.chain': one_line(chain)}
    if key_password is not None:
        settings['ssl.key.password'] = key_password
    return settings


def trust_store(name, kind='JKS', password=STORE):
    settings = {'ssl.truststore.type': kind, 'ssl.truststore.location': STORES / name}
    if password is not None:
        settings['ssl.truststore.password'] = password
    return settings


# Listener, its settings, the certificate that clients see.
GOOD_KEY_STORES = {
    'JKS': (key_store('keytool.jks'), BROKER),
    'JKS_KEY_PASSWORD': (key_store('keytool-key-password.jks', key_password=KEY), BROKER),
    'JKS_VERSION_1': (key_store('jks-version-1.jks'), BROKER),
    'JKS_THAT_IS_PKCS12': (key_store('keytool-is-pkcs12.jks'), BROKER),
    'JKS_OF_SEVERAL': (key_store('several.jks'), BROKER_EC),
    'KEYTOOL_PKCS12': (key_store('keytool.p12', 'PKCS12'), BROKER),
    'KEYTOOL_PKCS12_OLD': (key_store('keytool-legacy.p12', 'PKCS12'), BROKER),
    'PKCS12_KEY_PASSWORD': (key_store('java-key-password.p12', 'PKCS12', key_password=KEY), BROKER),
    'OPENSSL_PKCS12': (key_store('openssl.p12', 'PKCS12'), BROKER),
    'OPENSSL_PKCS12_OLD': (key_store('openssl-legacy.p12', 'PKCS12'), BROKER),
    'OPENSSL_PKCS12_3DES': (key_store('openssl-3des.p12', 'PKCS12'), BROKER),
    'PEM': (key_store('broker.pem', 'PEM', None), BROKER),
    'PEM_ENCRYPTED': (key_store('broker-encrypted.pem', 'PEM', None, KEY), BROKER),
    'PEM_INLINE': (pem_inline('broker-key.pem', 'broker-chain.pem'), BROKER),
    'PEM_INLINE_ENCRYPTED': (pem_inline('broker-key-encrypted.pem', 'broker-chain.pem', KEY), BROKER),
    'PEM_INLINE_EC': (pem_inline('broker-ec-key-sec1.pem', 'broker-ec-chain.pem'), BROKER_EC),
}
GOOD_TRUST_STORES = {
    'TRUSTS_JKS': trust_store('keytool-trust.jks'),
    'TRUSTS_JKS_UNCHECKED': trust_store('keytool-trust.jks', password=None),
    'TRUSTS_PKCS12': trust_store('keytool-trust.p12', 'PKCS12'),
    'TRUSTS_PKCS12_OLD': trust_store('keytool-trust-legacy.p12'),
    'TRUSTS_PEM': trust_store('trust.pem', 'PEM', None),
    'TRUSTS_PEM_INLINE': {'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': one_line('trust.pem')},
}

# Settings, and what the line says behind "listener SSL cannot be used: "; {} stands for the folder of the stores.
BAD = [
    (key_store('missing.jks'), 'ssl.keystore.location {}/missing.jks: the file does not exist'),
    (key_store('make_stores.sh'), 'ssl.keystore.location {}/make_stores.sh: the format is not known'),
    (key_store('keytool.jks', password='wrong'), 'ssl.keystore.location {}/keytool.jks (JKS): the password is wrong'),
    (key_store('keytool.p12', 'PKCS12', 'wrong'),
     'ssl.keystore.location {}/keytool.p12 (PKCS12): the password is wrong'),
    (key_store('keytool-is-pkcs12.jks', password='wrong'),
     'ssl.keystore.location {}/keytool-is-pkcs12.jks (PKCS12): the password is wrong'),
    (key_store('keytool-key-password.jks', key_password='wrong'),
     'ssl.keystore.location {}/keytool-key-password.jks (JKS): entry "broker" does not open: the key password is wrong'),
    (key_store('java-key-password.p12', 'PKCS12'),
     'ssl.keystore.location {}/java-key-password.p12 (PKCS12): entry "broker" does not open: the key password is wrong'),
    (key_store('keytool-trust.jks'), 'ssl.keystore.location {}/keytool-trust.jks (JKS): there is no private key entry'),
    (key_store('expired.jks'), 'ssl.keystore.location {}/expired.jks (JKS): entry "broker": the certificate '
                               '(CN=expired,O=Barnabas) expired at 2020-01-31T00:00:00Z'),
    (key_store('expired.p12', 'PKCS12'), 'ssl.keystore.location {}/expired.p12 (PKCS12): entry "broker": the '
                                         'certificate (CN=expired,O=Barnabas) expired at 2020-01-31T00:00:00Z'),
    (key_store('expired.pem', 'PEM', None), 'ssl.keystore.location {}/expired.pem (PEM): certificate 1: the '
                                            'certificate (CN=expired,O=Barnabas) expired at 2020-01-31T00:00:00Z'),
    (key_store('future.p12'), 'ssl.keystore.location {}/future.p12 (PKCS12): entry "broker": the certificate '
                              '(CN=future,O=Barnabas) is not valid before 2200-01-01T00:00:00Z'),
    (key_store('java-mismatched.jks'), 'ssl.keystore.location {}/java-mismatched.jks (JKS): entry "mixed-up": the '
                                       'private key does not belong to the certificate '
                                       '(O=Barnabas,CN=broker.example.com)'),
    (key_store('mismatched.pem', 'PEM', None), 'ssl.keystore.location {}/mismatched.pem (PEM): certificate 1: the '
                                               'private key does not belong to the certificate'),
    (pem_inline('broker-key.pem', 'broker-ec-chain.pem'),
     'ssl.keystore.certificate.chain (PEM): certificate 1: the private key does not belong to the certificate'),
    (pem_inline('root.pem', 'broker-chain.pem'), 'ssl.keystore.key (PEM): there is no private key'),
    (key_store('broker-encrypted.pem', 'PEM', None),
     'ssl.keystore.location {}/broker-encrypted.pem (PEM): the private key is encrypted and no key password is given'),
    (key_store('broker-encrypted.pem', 'PEM', None, 'wrong'),
     'ssl.keystore.location {}/broker-encrypted.pem (PEM): the private key does not open: the key password is wrong'),
    (key_store('broker.pem'), 'ssl.keystore.location {}/broker.pem: the file is PEM text; set ssl.keystore.type=PEM'),
    (key_store('broker.pem', 'PEM'),
     'SSL key store password cannot be specified with PEM format, only key password may be specified.'),
    (key_store('keytool.jks', password=None), 'SSL key store is specified, but key store password is not specified.'),
    (key_store('keytool.jceks', 'JCEKS'), 'ssl.keystore.type=JCEKS: the type is not supported'),
    (key_store('keytool.jceks'), 'ssl.keystore.location {}/keytool.jceks: the file is a JCEKS store'),
    (key_store('openssl-iterations.p12'), 'ssl.keystore.location {}/openssl-iterations.p12 (PKCS12): entry "broker" '
                                          'asks for a number of key derivation rounds outside of 1 to 5000000'),
    (key_store('keytool.jks') | trust_store('missing.jks'),
     'ssl.truststore.location {}/missing.jks: the file does not exist'),
    (key_store('keytool.jks') | trust_store('keytool-trust.jks', password='wrong'),
     'ssl.truststore.location {}/keytool-trust.jks (JKS): the password is wrong'),
    (key_store('keytool.jks') | trust_store('keytool-trust.p12', 'PKCS12', None),
     'ssl.truststore.location {}/keytool-trust.p12 (PKCS12): its entries are encrypted and no password is given'),
    (key_store('keytool.jks') | trust_store('openssl-trust.p12'),
     'ssl.truststore.location {}/openssl-trust.p12 (PKCS12): there is no trusted certificate entry'),
    (key_store('keytool.jks') | trust_store('expired-trust.pem', 'PEM', None),
     'ssl.truststore.location {}/expired-trust.pem (PEM): none of the trusted certificates is valid now'),
]


def client_context(with_certificate=False):
    context = ssl.create_default_context(cafile=STORES / 'root.pem')
    if with_certificate:
        context.load_cert_chain(STORES / 'client.pem')
    return context


def common_name(certificate):
    return dict(pair[0] for pair in certificate['subject'])['commonName']


def asks(port, context):
    """Shakes hands, asks for ApiVersions, and returns the broker's name in its certificate; OSError if refused."""
    with socket.create_connection(('127.0.0.1', port), WAIT_S) as plain:
        with context.wrap_socket(plain, server_hostname='localhost') as connection:
            connection.sendall(b'\0\0\0\x0a' + b'\0\x12\0\0' + b'\0\0\0\7' + b'\xff\xff')
            answer = connection.recv(8)
            if answer[4:8] != b'\0\0\0\7':
                raise ConnectionError('no answer')
            return common_name(connection.getpeercert())


class TlsStoresTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)

    def serve(self, listeners):
        """A broker with a TLS listener for each name, and the ports of these."""
        broker = Broker(self.zookeeper)
        ports = {name: free_port() for name in listeners}
        broker.settings['listeners'] += ''.join(f',{name}://127.0.0.1:{port}' for name, port in ports.items())
        broker.settings['listener.security.protocol.map'] = ','.join(['PLAINTEXT:PLAINTEXT'] +
                                                                     [f'{name}:SSL' for name in ports])
        for name, settings in listeners.items():
            for key, value in settings.items():
                broker.settings[f'listener.name.{name.lower()}.{key}'] = value
        self.addCleanup(broker.close)
        broker.start()
        self.addCleanup(broker.stop)  # in order, so that the next one need not wait for its session to end
        return broker, ports

    def test_serves_key_stores_of_every_format(self):
        _, ports = self.serve({name: settings for name, (settings, _) in GOOD_KEY_STORES.items()})
        for name, (_, expected) in GOOD_KEY_STORES.items():
            with self.subTest(name):
                self.assertEqual(asks(ports[name], client_context()), expected)

    @unittest.skipUnless(shutil.which('openssl'), 'needs openssl')
    def test_openssl_sees_certificate_and_chain(self):
        names = ['JKS', 'KEYTOOL_PKCS12', 'OPENSSL_PKCS12', 'PEM_INLINE']
        _, ports = self.serve({name: GOOD_KEY_STORES[name][0] for name in names})
        for name in names:
            with self.subTest(name):
                seen = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{ports[name]}', '-CAfile',
                                       STORES / 'root.pem', '-verify_return_error', '-verify_hostname', 'localhost',
                                       '-showcerts'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      timeout=WAIT_S).stdout
                self.assertIn('Verify return code: 0 (ok)', seen)
                self.assertEqual(seen.count('BEGIN CERTIFICATE'), 3)

    def test_trusts_clients_by_trust_stores_of_every_format(self):
        own = key_store('keytool.jks') | {'ssl.client.auth': 'required'}
        _, ports = self.serve({name: own | settings for name, settings in GOOD_TRUST_STORES.items()} |
                              {'TRUSTS_ITSELF_ONLY': own | trust_store('keytool.jks')})
        for name in GOOD_TRUST_STORES:
            with self.subTest(name):
                self.assertEqual(asks(ports[name], client_context(with_certificate=True)), BROKER)
                self.assertRaises(OSError, asks, ports[name], client_context())
        # Certificates in the chain of a key entry are not trusted.
        self.assertRaises(OSError, asks, ports['TRUSTS_ITSELF_ONLY'], client_context(with_certificate=True))

    def test_refuses_bad_stores_by_name(self):
        for settings, reason in BAD:
            reason = reason.replace('{}', str(STORES))
            with self.subTest(reason):
                broker = Broker(self.zookeeper, settings=settings)
                self.addCleanup(broker.close)
                broker.settings['listeners'] += ',SSL://127.0.0.1:0'
                broker.launch()
                code = wait_for(lambda: broker.process.poll(), 'the broker to end')
                self.assertEqual(code, 1, broker.output())
                line = next((line for line in broker.output().splitlines() if ' FATAL ' in line), '')
                self.assertIn(f'listener SSL cannot be used: {reason}', line)
                self.assertNotIn('wrong"', line)


if __name__ == '__main__':
    unittest.main()
