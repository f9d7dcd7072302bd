# SPDX-License-Identifier: Apache-2.0
"""tls_test.py FOLDER NAME...: client libraries and console tools over TLS, without a certificate of their own and with one, in
each form of key store that they take, against one broker. FOLDER/KIND holds what build.sh made of each kind. Names are those of
client_test.py, and kcat, tools (Barnabas's) and java_tools (Apache Kafka's)."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / 'system'))
from broker import WAIT_S, Broker  # noqa: E402
from client_test import command_of  # noqa: E402
from zookeeper import ZooKeeper, free_port  # noqa: E402

PASSWORD = 'changeit'
KINDS = {'java': 'java', 'aiokafka': 'python', 'confluent': 'python', 'kafka_python': 'python', 'kafkajs': 'node',
         'franz': 'go', 'sarama': 'go', 'rust': 'rust'}
RECORDS = [('k1', 'v1', 'a=1'), ('k2', 'v2', ''), ('k3', 'v3' * 20000, '')]  # the last is longer than a TLS record
STORES = {'jks': 'JKS', 'p12': 'PKCS12', 'pem': 'PEM'}


class TlsTest(unittest.TestCase):
    folder = None
    names = ()

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.certificates = pathlib.Path(temporary.name)
        subprocess.run([ROOT / 'bin/kafka-make-dev-certificates.sh', '--client', 'alice', cls.certificates], check=True,
                       stdout=subprocess.DEVNULL)
        cls.zookeeper = ZooKeeper().start()
        cls.addClassCleanup(cls.zookeeper.close)
        plain, tls, mtls = free_port(), free_port(), free_port()
        cls.broker = Broker(cls.zookeeper, settings={
            'listeners': f'PLAINTEXT://127.0.0.1:{plain},TLS://127.0.0.1:{tls},MTLS://127.0.0.1:{mtls}',
            'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,TLS:SSL,MTLS:SSL',
            'ssl.keystore.location': cls.certificates / 'broker.p12',
            'ssl.keystore.type': 'PKCS12',
            'ssl.keystore.password': PASSWORD,
            'ssl.truststore.location': cls.certificates / 'ca.pem',
            'ssl.truststore.type': 'PEM',
            'listener.name.mtls.ssl.client.auth': 'required',
            'num.partitions': 3,
        })
        cls.broker.port = plain
        cls.addresses = {'tls': f'127.0.0.1:{tls}', 'mtls': f'127.0.0.1:{mtls}'}
        cls.addClassCleanup(cls.broker.close)
        cls.broker.start()

    def tearDown(self):
        if any(error for _, error in getattr(self._outcome, 'errors', [])) or not self._outcome.success:
            print(f'---- the broker\'s log\n{self.broker.output()[-6000:]}', file=sys.stderr)

    def properties(self, store, with_key):
        """The path of a Java client's configuration with stores of that form ('' trusts by a PEM text inline)."""
        lines = ['security.protocol=SSL', 'request.timeout.ms=60000']
        where = self.certificates
        if store:
            trust = 'ca.pem' if store == 'pem' else f'truststore.{store}'
            lines += [f'ssl.truststore.location={where / trust}', f'ssl.truststore.type={STORES[store]}']
            lines += [] if store == 'pem' else [f'ssl.truststore.password={PASSWORD}']
        else:
            lines += ['ssl.truststore.type=PEM', f'ssl.truststore.certificates={inline(where / "ca.pem")}']
        if with_key and store:
            lines += [f'ssl.keystore.location={where}/alice.{store}', f'ssl.keystore.type={STORES[store]}']
            lines += [] if store == 'pem' else [f'ssl.keystore.password={PASSWORD}', f'ssl.key.password={PASSWORD}']
        elif with_key:
            lines += ['ssl.keystore.type=PEM', f'ssl.keystore.key={inline(where / "alice.key.pem")}',
                      f'ssl.keystore.certificate.chain={inline(where / "alice.certificate.pem")}']
        path = self.certificates / f'client-{store}-{with_key}.properties'
        path.write_text('\n'.join(lines) + '\n')
        return path

    def environments(self, name):
        """(listener, what it is called, variables) of each way that the client takes."""
        where = self.certificates
        if name == 'java':
            for with_key in (False, True):
                for store in ('jks', 'p12', 'pem', '') if with_key else ('p12', ''):
                    yield 'mtls' if with_key else 'tls', store, {'CLIENT_PROPERTIES': self.properties(store, with_key)}
            return
        trust = {'CLIENT_TLS_CA': where / 'ca.pem'}
        yield 'tls', '', trust
        yield 'mtls', 'pem', dict(trust, CLIENT_TLS_CERTIFICATE=where / 'alice.certificate.pem',
                                  CLIENT_TLS_KEY=where / 'alice.key.pem')
        if name in ('confluent', 'rust'):
            yield 'mtls', 'p12', dict(trust, CLIENT_TLS_KEYSTORE=where / 'alice.p12', CLIENT_TLS_PASSWORD=PASSWORD)

    def run_program(self, arguments, stdin='', variables=None, check=True):
        environment = dict(os.environ, **{key: str(value) for key, value in (variables or {}).items()})
        done = subprocess.run([str(part) for part in arguments], input=stdin, capture_output=True, text=True, timeout=WAIT_S,
                              env=environment)
        if check:
            self.assertEqual(done.returncode, 0, f'{arguments}\n{done.stdout}\n{done.stderr}')
        return done.stdout

    def check_library(self, name):
        command = command_of(name, self.folder / KINDS[name])
        for listener, store, variables in self.environments(name):
            topic = f'{name}-{listener}-{store or "inline"}'
            with self.subTest(topic):
                address = self.addresses[listener]
                placed = self.run_program([*command, address, 'produce', topic, 'default'],
                                          ''.join('\t'.join(record) + '\n' for record in RECORDS), variables)
                self.assertEqual(len(placed.split('\n')) - 1, len(RECORDS))
                found = self.run_program([*command, address, 'consume', topic, topic, len(RECORDS)], variables=variables)
                self.assertEqual(sorted(tuple(line.split('\t')[2:]) for line in found.split('\n') if line), sorted(RECORDS))
        with self.subTest('administration'):
            self.run_program([*command, address, 'admin', f'{name}-admin'], variables=variables)

    def check_kcat(self):
        where = self.certificates
        options = ['-X', 'security.protocol=ssl', '-X', f'ssl.ca.location={where / "ca.pem"}']
        own = ['-X', f'ssl.keystore.location={where / "alice.p12"}', '-X', f'ssl.keystore.password={PASSWORD}']
        for listener, more in ('tls', []), ('mtls', own):
            command = ['kcat', '-b', self.addresses[listener], *options, *more, '-t', f'kcat-{listener}']
            self.run_program([*command, '-P'], 'one\ntwo\n')
            self.assertEqual(sorted(self.run_program([*command, '-C', '-e', '-q']).split()), ['one', 'two'])

    def check_console_tools(self, name, folder, stores):
        """folder: what goes in front of a script's name."""
        def tool(script, *arguments, stdin=''):
            return self.run_program([*folder[:-1], f'{folder[-1]}{script}', *arguments], stdin)
        for with_key in (False, True):
            for store in stores:
                listener = 'mtls' if with_key else 'tls'
                topic = f'{name}-{listener}-{store or "inline"}'
                server = ('--bootstrap-server', self.addresses[listener])
                file = self.properties(store, with_key)
                with self.subTest(topic):
                    tool('kafka-topics.sh', *server, '--command-config', file, '--create', '--topic', topic)
                    tool('kafka-console-producer.sh', *server, '--producer.config', file, '--topic', topic, stdin='one\ntwo\n')
                    found = tool('kafka-console-consumer.sh', *server, '--consumer.config', file, '--topic', topic,
                                 '--from-beginning', '--max-messages', 2)
                    self.assertEqual(sorted(found.split()), ['one', 'two'])

    def test_each(self):
        for name in self.names:
            with self.subTest(name):
                if name == 'kcat':
                    self.check_kcat()
                elif name == 'tools':
                    self.check_console_tools(name, [f'{ROOT}/bin/'], ('jks', 'p12', 'pem', ''))
                elif name == 'java_tools':
                    self.check_console_tools(name, [HERE.parent / 'peer/kafka', 'run', '3.9.1', ''], ('p12',))
                else:
                    self.check_library(name)


def inline(path):
    """A PEM file's text as the value of a property, in one line."""
    return path.read_text().strip().replace('\n', '\\n')


if __name__ == '__main__':
    TlsTest.folder = pathlib.Path(sys.argv[1])
    TlsTest.names = sys.argv[2:]
    unittest.main(argv=sys.argv[:1], verbosity=2)
