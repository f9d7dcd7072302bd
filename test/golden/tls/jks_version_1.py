# SPDX-License-Identifier: Apache-2.0
# Rewrites a JKS file of version 2 as version 1, which has no types in front of certificates:
# jks_version_1.py FROM TO PASSWORD
import hashlib
import struct
import sys


def main():
    source, target, password = sys.argv[1:]
    data = open(source, "rb").read()
    magic, version, count = struct.unpack_from(">III", data)
    assert magic == 0xFEEDFEED and version == 2
    out = bytearray(struct.pack(">III", magic, 1, count))
    at = 12

    def take(size):
        nonlocal at
        at += size
        return data[at - size:at]

    def certificate():
        take(struct.unpack(">H", take(2))[0])
        size = take(4)
        return size + take(struct.unpack(">I", size)[0])

    for _ in range(count):
        tag, alias_size = take(4), take(2)
        out += tag + alias_size + take(struct.unpack(">H", alias_size)[0]) + take(8)
        if tag == b"\0\0\0\1":
            key_size = take(4)
            out += key_size + take(struct.unpack(">I", key_size)[0])
            chain = take(4)
            out += chain
            for _ in range(struct.unpack(">I", chain)[0]):
                out += certificate()
        else:
            out += certificate()
    digest = hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + out).digest()
    open(target, "wb").write(out + digest)


main()
