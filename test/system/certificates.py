# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities and certificates for tests, made by openssl: small keys of elliptic curves, made in a moment."""
import pathlib
import socket
import ssl
import subprocess

CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']


def openssl(*arguments):
    subprocess.run(['openssl', *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Certificate:
    """certificate and key are PEM files, pem one file with both (as ssl.keystore.location takes it)."""

    def __init__(self, folder, name):
        self.name = name
        self.certificate = folder / f'{name}.crt'
        self.key = folder / f'{name}.key'
        self.pem = folder / f'{name}.pem'

    def bundle(self):
        self.pem.write_text(self.key.read_text() + self.certificate.read_text())
        return self

    def serial(self):
        done = subprocess.run(['openssl', 'x509', '-in', self.certificate, '-noout', '-serial'], check=True,
                              capture_output=True, text=True)
        return done.stdout.strip().removeprefix('serial=')

    def write_pkcs12(self, path, password):
        openssl('pkcs12', '-export', '-in', self.certificate, '-inkey', self.key, '-name', self.name, '-out', path,
                '-passout', f'pass:{password}')
        return path


class Authority:
    def __init__(self, folder, name='authority'):
        self.folder = pathlib.Path(folder)
        self.key = self.folder / f'{name}.key'
        self.certificate = self.folder / f'{name}.crt'
        openssl('req', '-x509', *CURVE, '-keyout', self.key, '-out', self.certificate, '-days', 30, '-subj', f'/CN={name}',
                '-addext', 'basicConstraints=critical,CA:TRUE')

    def issue(self, name, subject='/O=Barnabas/CN=broker', alternatives='DNS:localhost,IP:127.0.0.1', days=30):
        issued = Certificate(self.folder, name)
        openssl('req', '-x509', '-CA', self.certificate, '-CAkey', self.key, *CURVE, '-keyout', issued.key, '-out',
                issued.certificate, '-days', days, '-subj', subject, '-addext', 'basicConstraints=critical,CA:FALSE',
                '-addext', f'subjectAltName={alternatives}')
        return issued.bundle()

    def client_context(self, identity=None):
        """What a client that trusts this authority, and shows the identity if any, connects with."""
        context = ssl.create_default_context(cafile=self.certificate)
        if identity:
            context.load_cert_chain(identity.certificate, identity.key)
        return context


def serial_number(port, context):
    """The serial number of the certificate that is served there, which tells one from another."""
    with socket.create_connection(('127.0.0.1', port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname='localhost') as connection:
            return connection.getpeercert()['serialNumber']
