# SPDX-License-Identifier: Apache-2.0
"""Our console tools over TLS: what they refuse, what they say when a handshake fails, and how they end. Outputs, first messages and
exit codes are what Apache Kafka 3.9.1's tools gave in the same situations, but for reasons, which are in our words."""
import pathlib
import re
import subprocess
import tempfile
import unittest

from broker import WAIT_S, Broker
from zookeeper import ZooKeeper, free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HANDSHAKE = 'SSL handshake failed'
AFTERWARDS = 'Failed to process post-handshake messages'
TERMINATED = ('terminated during authentication. This may happen due to any of the following reasons: (1) Firewall blocking Kafka TLS '
              'traffic (eg it may only allow HTTPS traffic), (2) Transient network issue.')
SUITE = 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'


class TlsTools(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        subprocess.run([ROOT / 'bin/kafka-make-dev-certificates.sh', '--client', 'alice', cls.folder], check=True,
                       stdout=subprocess.DEVNULL)
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        plain, tls, mtls, old = (free_port() for _ in range(4))
        cls.broker = Broker(cls.zookeeper, settings={
            # No certificate names 127.0.0.2.
            'listeners': f'PLAINTEXT://127.0.0.1:{plain},TLS://127.0.0.1:{tls},MTLS://127.0.0.1:{mtls},OLD://127.0.0.2:{old}',
            'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,TLS:SSL,MTLS:SSL,OLD:SSL',
            'ssl.keystore.location': cls.folder / 'broker.pem',
            'ssl.keystore.type': 'PEM',
            'ssl.truststore.location': cls.folder / 'ca.pem',
            'ssl.truststore.type': 'PEM',
            'listener.name.mtls.ssl.client.auth': 'required',
            'listener.name.old.ssl.enabled.protocols': 'TLSv1.2',
            'listener.name.old.ssl.cipher.suites': SUITE,
        })
        cls.broker.port = plain
        cls.addresses = {'plain': f'127.0.0.1:{plain}', 'tls': f'127.0.0.1:{tls}', 'mtls': f'127.0.0.1:{mtls}',
                         'old': f'127.0.0.2:{old}'}
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()
        cls.trust = {'ssl.truststore.type': 'PEM', 'ssl.truststore.location': cls.folder / 'ca.pem'}
        cls('run_topics').run_topics('tls', cls.trust, '--create', '--topic', 'shared')

    def configuration(self, properties):
        path = self.folder / 'client.properties'
        values = {'security.protocol': 'SSL', **properties}
        path.write_text(''.join(f'{key}={value}\n' for key, value in values.items()))
        return path

    def run_tool(self, name, option, listener, properties, *arguments, stdin=''):
        """Returns exit code, standard output and standard error, without times and addresses."""
        done = subprocess.run([ROOT / 'bin' / f'{name}.sh', '--bootstrap-server', self.addresses[listener], option,
                               self.configuration(properties), *map(str, arguments)], input=stdin, capture_output=True, text=True,
                              timeout=WAIT_S, check=False)
        stderr = re.sub(r'\[\d{4}-[^]]*\] ', '', done.stderr).replace(self.addresses[listener], 'ADDRESS')
        host, port = self.addresses[listener].split(':')
        return done.returncode, done.stdout, stderr.replace(f'{host}/ADDRESS', 'ADDRESS').replace(f'{host}:{port}', 'ADDRESS')

    def run_topics(self, listener, properties, *arguments):
        return self.run_tool('kafka-topics', '--command-config', listener, properties, *(arguments or ('--list',)))

    def run_producer(self, listener, properties):
        return self.run_tool('kafka-console-producer', '--producer.config', listener, properties, '--topic', 'shared',
                             '--max-block-ms', 60000, stdin='one\n')

    def run_consumer(self, listener, properties):
        return self.run_tool('kafka-console-consumer', '--consumer.config', listener, properties, '--topic', 'shared', '--from-beginning',
                             '--max-messages', 1, '--group', 'readers')

    def check_refused(self, listener, properties, what, reason):
        """A connection that TLS refuses, with each tool."""
        cause = f'org.apache.kafka.common.errors.SslAuthenticationException: {what}\nCaused by: javax.net.ssl.SSLHandshakeException: ADDRESS: '
        with self.subTest('kafka-topics'):
            code, stdout, stderr = self.run_topics(listener, properties)
            self.assertEqual((code, stdout), (1, f'Error while executing topic command : {what}\n'), stderr)
            self.assert_first(stderr, f'ERROR [AdminClient clientId=adminclient-1] Connection to node -1 (ADDRESS) failed '
                                      f'authentication due to: {what} (org.apache.kafka.clients.NetworkClient)')
            self.assertIn(f'ERROR {cause}', stderr)
            self.assertRegex(stderr, reason)
        with self.subTest('kafka-console-producer'):
            code, stdout, stderr = self.run_producer(listener, properties)
            self.assertEqual((code, stdout), (0, ''), stderr)
            self.assert_first(stderr, f'ERROR [Producer clientId=console-producer] Connection to node -1 (ADDRESS) failed '
                                      f'authentication due to: {what} (org.apache.kafka.clients.NetworkClient)')
            self.assertIn('ERROR Error when sending message to topic shared with key: null, value: 3 bytes with error: '
                          f'(org.apache.kafka.clients.producer.internals.ErrorLoggingCallback)\n{cause}', stderr)
            self.assertRegex(stderr, reason)
        with self.subTest('kafka-console-consumer'):
            code, stdout, stderr = self.run_consumer(listener, properties)
            self.assertEqual((code, stdout), (0, ''), stderr)
            self.assert_first(stderr, f'ERROR [Consumer clientId=console-consumer, groupId=readers] Connection to node -1 (ADDRESS) '
                                      f'failed authentication due to: {what} (org.apache.kafka.clients.NetworkClient)')
            self.assertIn('ERROR Error processing message, terminating consumer process:  '
                          f'(org.apache.kafka.tools.consumer.ConsoleConsumer)\n{cause}', stderr)
            self.assertRegex(stderr, reason)
            self.assertTrue(stderr.endswith('Processed a total of 0 messages\n'))

    def assert_first(self, stderr, line):
        self.assertEqual(stderr.split('\n')[0], line)

    def check_works(self, listener, properties):
        code, stdout, stderr = self.run_topics(listener, properties, '--list', '--exclude-internal')
        self.assertEqual((code, stdout, stderr), (0, 'shared\n', ''))
        self.assertEqual(self.run_producer(listener, properties), (0, '', ''))
        code, stdout, stderr = self.run_consumer(listener, properties)
        self.assertEqual((code, stdout), (0, 'one\n'), stderr)

    def check_settings(self, properties, first, cause):
        """Settings that end each tool before it connects: the first line of standard error and what is behind Caused by."""
        for kind, (code, stdout, stderr) in {'admin': self.run_topics('tls', properties), 'producer': self.run_producer('tls', properties),
                                             'consumer': self.run_consumer('tls', properties)}.items():
            with self.subTest(kind):
                self.assertEqual((code, stdout), (1, ''), stderr)
                self.assertIn(first[kind] if isinstance(first, dict) else first, stderr)
                self.assertRegex(stderr, cause)

    def test_a_broker_that_comes_back(self):
        self.run_producer('tls', self.trust)
        consumer = subprocess.Popen([ROOT / 'bin/kafka-console-consumer.sh', '--bootstrap-server', self.addresses['tls'],
                                     '--consumer.config', self.configuration(self.trust), '--topic', 'shared', '--from-beginning',
                                     '--group', 'patient'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, text=True)
        try:
            self.assertEqual(consumer.stdout.readline(), 'one\n')
            self.broker.kill()
            self.broker.start()
            self.run_producer('tls', self.trust)
            self.assertEqual(consumer.stdout.readline(), 'one\n')
        finally:
            consumer.kill()
            consumer.wait()
            consumer.stdout.close()

    def test_what_the_broker_is_not_trusted_for(self):
        self.check_refused('tls', {}, HANDSHAKE, r'its certificate CN=.*, issued by CN=Development CA, leads to no certificate in the trust store')

    def test_a_client_without_the_certificate_that_is_required(self):
        self.check_refused('mtls', self.trust, AFTERWARDS, r'ADDRESS: it requires a certificate of ours')

    def test_a_host_that_the_certificate_does_not_name(self):
        self.check_refused('old', self.trust, HANDSHAKE, r'its certificate CN=broker is for .*DNS:localhost.*, not for the host')

    def test_a_host_that_need_not_be_named_and_protocols(self):
        anyone = {**self.trust, 'ssl.endpoint.identification.algorithm': ''}
        self.check_works('old', anyone)
        self.check_works('old', {**anyone, 'ssl.enabled.protocols': 'TLSv1.2', 'ssl.cipher.suites': f'{SUITE},TLS_AES_256_GCM_SHA384'})
        self.check_refused('old', {**anyone, 'ssl.enabled.protocols': 'TLSv1.3'}, HANDSHAKE, 'it refuses our TLS versions')
        self.check_refused('old', {**anyone, 'ssl.enabled.protocols': 'TLSv1.2', 'ssl.cipher.suites': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'},
                           HANDSHAKE, 'it found nothing to agree on')
        self.check_refused('old', {**anyone, 'ssl.protocol': 'TLSv1.3', 'ssl.enabled.protocols': 'TLSv1.3'}, HANDSHAKE, 'it refuses our')

    def test_the_brokers_own_certificate_as_the_trusted_one(self):
        own = (self.folder / 'broker.certificate.pem').read_text().split('-----END CERTIFICATE-----')[0] + '-----END CERTIFICATE-----'
        self.check_works('tls', {'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': own.replace('\n', '\\n')})

    def test_values_with_blanks_around_them(self):
        self.check_works('mtls', {**self.trust, 'ssl.keystore.type': 'PKCS12 ', 'ssl.keystore.location': f'{self.folder}/alice.p12 ',
                                  'ssl.keystore.password': 'changeit '})

    def test_a_listener_without_tls(self):
        short = {**self.trust, 'default.api.timeout.ms': 1000}
        code, stdout, stderr = self.run_topics('plain', short)
        self.assertEqual((code, stdout), (1, 'Error while executing topic command : Timed out waiting for a node assignment. Call: listTopics\n'))
        self.assert_first(stderr, f'WARN [AdminClient clientId=adminclient-1] Connection to node -1 (ADDRESS) {TERMINATED} '
                                  '(org.apache.kafka.clients.NetworkClient)')
        code, stdout, stderr = self.run_tool('kafka-console-producer', '--producer.config', 'plain', self.trust, '--topic', 'shared',
                                             '--max-block-ms', 1000, stdin='one\n')
        self.assertEqual((code, stdout), (0, ''))
        self.assert_first(stderr, f'WARN [Producer clientId=console-producer] Connection to node -1 (ADDRESS) {TERMINATED} '
                                  '(org.apache.kafka.clients.NetworkClient)')
        self.assertIn('TimeoutException: Topic shared not present in metadata after 1000 ms.', stderr)

    def test_settings_that_are_refused(self):
        bad = 'org.apache.kafka.common.config.ConfigException: Invalid value '
        self.check_settings({'security.protocol': 'SSLL'}, f'{bad}SSLL for configuration security.protocol', 'case insensitive')
        self.check_settings({'security.protocol': 'SASL_SSL'}, f'{bad}SASL_SSL for configuration security.protocol', 'SASL is not supported')
        self.check_settings({'ssl.endpoint.identification.algorithm': 'FOO'}, f'{bad}FOO for configuration ssl.endpoint', 'https')
        self.check_settings({'ssl.engine.factory.class': 'a.B'}, f'{bad}a.B for configuration ssl.engine.factory.class', 'no counterpart')
        self.check_settings({'ssl.provider': 'BC'}, f'{bad}BC for configuration ssl.provider', 'no counterpart')
        self.check_settings({'sasl.mechanism': 'PLAIN'}, 'The configuration sasl.mechanism is not supported', 'SASL')

    def test_stores_that_cannot_be_used(self):
        first = {'admin': 'org.apache.kafka.common.KafkaException: Failed to create new KafkaAdminClient\nCaused by: ',
                 'producer': 'org.apache.kafka.common.KafkaException: Failed to construct kafka producer\nCaused by: ',
                 'consumer': 'org.apache.kafka.common.KafkaException: Failed to construct kafka consumer\nCaused by: '}
        store = {'ssl.truststore.location': self.folder / 'truststore.p12'}
        cause = r'Caused by: org\.apache\.kafka\.common\.KafkaException: .*'
        self.check_settings({**store, 'ssl.truststore.password': 'wrong'}, first, cause + r'truststore\.p12.*password is wrong')
        self.check_settings({'ssl.truststore.location': '/nowhere.p12'}, first, cause + r'/nowhere\.p12: the file does not exist')
        self.check_settings({**self.trust, 'ssl.enabled.protocols': 'TLSv1.9'}, first, cause + 'TLSv1.9')
        self.check_settings({**self.trust, 'ssl.cipher.suites': 'NONSENSE'}, first, cause + 'NONSENSE')
        self.check_settings({**self.trust, 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': self.folder / 'alice.pem',
                             'ssl.keystore.password': 'x'}, first, cause + 'SSL key store password cannot be specified with PEM format')

    def test_a_trust_store_without_the_protocol(self):
        code, stdout, stderr = self.run_topics('plain', {**self.trust, 'security.protocol': 'PLAINTEXT'}, '--list', '--exclude-internal')
        self.assertEqual((code, stdout), (0, 'shared\n'))
        self.assertIn("The configuration 'ssl.truststore.location' has no effect", stderr)


if __name__ == '__main__':
    unittest.main()
