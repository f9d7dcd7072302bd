# SPDX-License-Identifier: Apache-2.0
"""A certificate authority, a broker's and a client's certificate, made on the spot with openssl, for both brokers alike:
a PKCS12 key store and a PEM trust store. Keys are RSA of 2048 bits, as keytool's walk-throughs make them."""
import pathlib
import shutil
import ssl
import subprocess
import tempfile

PASSWORD = 'bench-password'


class TlsFiles:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='bench-tls-'))
        self.authority = self.folder / 'authority.pem'
        authority_key = self.folder / 'authority.key'
        self.openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=bench authority',
                     '-keyout', authority_key, '-out', self.authority)
        for name, subject in ('broker', '/CN=127.0.0.1'), ('client', '/CN=bench client'):
            extensions = self.folder / 'extensions'
            extensions.write_text('subjectAltName=IP:127.0.0.1,DNS:localhost\n')
            self.openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', subject, '-keyout', self.folder / f'{name}.key',
                         '-out', self.folder / f'{name}.csr')
            self.openssl('x509', '-req', '-in', self.folder / f'{name}.csr', '-CA', self.authority, '-CAkey', authority_key,
                         '-CAcreateserial', '-days', '30', '-extfile', extensions, '-out', self.folder / f'{name}.pem')
        self.key_store = self.folder / 'broker.p12'
        self.openssl('pkcs12', '-export', '-in', self.folder / 'broker.pem', '-inkey', self.folder / 'broker.key', '-name',
                     'broker', '-certfile', self.authority, '-passout', f'pass:{PASSWORD}', '-out', self.key_store)

    def openssl(self, *arguments):
        subprocess.run(['openssl', *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def broker_settings(self):
        return {'ssl.keystore.type': 'PKCS12', 'ssl.keystore.location': self.key_store, 'ssl.keystore.password': PASSWORD,
                'ssl.key.password': PASSWORD, 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': self.authority}

    def client_settings(self):
        """librdkafka's."""
        return {'security.protocol': 'ssl', 'ssl.ca.location': self.authority}

    def client_context(self, with_certificate):
        """Python's; it negotiates as librdkafka does: both leave that to OpenSSL."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if with_certificate:
            context.load_cert_chain(self.folder / 'client.pem', self.folder / 'client.key')
        return context

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
