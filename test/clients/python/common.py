# SPDX-License-Identifier: Apache-2.0
"""What the Python clients share: the form of records on stdin and stdout, see ../README.md."""
import os
import sys

PARTITIONS = 3
ACKS = ('0', '1', 'all')
PER_COMBINATION = 20
# Groups notice a dead member within this time.
SESSION_TIMEOUT_MS = 6000
HEARTBEAT_MS = 500


# TLS when there is a CA; a certificate of one's own when there is one, in two PEM files or a PKCS12 file.
TLS_CA = os.environ.get('CLIENT_TLS_CA')
TLS_CERTIFICATE = os.environ.get('CLIENT_TLS_CERTIFICATE')
TLS_KEY = os.environ.get('CLIENT_TLS_KEY')
TLS_KEYSTORE = os.environ.get('CLIENT_TLS_KEYSTORE')
TLS_PASSWORD = os.environ.get('CLIENT_TLS_PASSWORD')


def null_or_bytes(text):
    return None if text == '\\N' else text.encode()


def records():
    """(key, value, headers) of each line on stdin."""
    for line in sys.stdin:
        key, value, headers = line.rstrip('\n').split('\t')
        pairs = [header.split('=') for header in headers.split(',') if header]
        yield null_or_bytes(key), null_or_bytes(value), [(name, text.encode()) for name, text in pairs]


def text(data):
    return '\\N' if data is None else data.decode()


def show(partition, offset, key, value, headers):
    pairs = ','.join(f'{name}={text(data)}' for name, data in headers or [])
    print(partition, offset, text(key), text(value), pairs, sep='\t', flush=True)


def main(commands):
    address, command, *arguments = sys.argv[1:]
    commands[command](address, *arguments)
