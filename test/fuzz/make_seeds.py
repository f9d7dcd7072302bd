#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes inputs for the fuzz targets from golden data: make_seeds.py FOLDER writes FOLDER/TARGET/NAME. What they add to a
corpus is for libFuzzer to say: put them in build/fuzz/found and run test/fuzz/run.sh --merge 0."""

import hashlib
import io
import json
import os
import pathlib
import struct
import sys
import tarfile

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
PIECE_MAX = 0xFFFF
ZNODE_KINDS = {
    "broker": 0,
    "topic": 1,
    "state": 2,
    "config": 3,
    "reassign": 4,
    "election": 5,
    "feature": 6,
    "isr": 7,
    "controller": 8,
    "epoch": 9,
    "change": 10,
    "block": 11,
    "cluster": 12,
    "logdir": 13,
}


def piece(data):
    data = data[:PIECE_MAX]
    return struct.pack(">H", len(data)) + data


class Seeds:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def add(self, target, data):
        path = self.folder / target
        path.mkdir(parents=True, exist_ok=True)
        (path / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def lines(name):
    with open(GOLDEN / name, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def messages(seeds):
    for path in sorted((GOLDEN / "protocol").glob("*.jsonl")):
        for line in lines("protocol/" + path.name):
            if line.get("type") == "request":
                seeds.add("frame", b"\0" + bytes.fromhex(line["headerHex"] + line["hex"]))


def batches(seeds):
    for line in lines("records/produce-checks.jsonl"):
        if line.get("hex"):
            version = bytes([line["produceVersion"]])
            for how in (b"\5\0\7", b"\0\0\4", b"\5\3\1"):
                seeds.add("batch", how + version + bytes.fromhex(line["hex"]))
    for line in lines("records/batches-v2.jsonl"):
        data = bytes.fromhex(line["hex"])
        if len(data) <= 4096:
            seeds.add("batch", b"\5\0\2\x0b" + data)
            codec = data[22] & 7
            seeds.add("compression", bytes([codec]) + data[61:])
            if codec == 0:
                for form in range(5):
                    seeds.add("batch", bytes([form]) + b"\0\3\x0b" + data)
    for line in lines("records/append.jsonl"):
        data = bytes.fromhex(line["inputHex"])
        seeds.add("batch", b"\5\1\7\x03" + data)
    for codec in range(5):
        seeds.add("compression", bytes([codec]) + b"records " * 20)
        seeds.add("compression", bytes([codec | 0x40]))


def partitions(name):
    """Yields the files of each partition's folder of an archive, as {name: bytes}, and the root's own."""
    with tarfile.open(GOLDEN / "log" / name) as archive:
        found, root = {}, {}
        for member in archive:
            if not member.isfile():
                continue
            parts = member.name.split("/")
            data = archive.extractfile(member).read()
            if len(parts) == 2:
                root[parts[1]] = data
            elif len(parts) == 3:
                found.setdefault(parts[1], {})[parts[2]] = data
    for partition in sorted(found):
        yield found[partition], root


LOG_FILES = [
    "{0}.log",
    "{0}.index",
    "{0}.timeindex",
    "{5}.log",
    "{5}.index",
    "{5}.timeindex",
    "{5}.snapshot",
    "leader-epoch-checkpoint",
    "partition.metadata",
]


def log_directories(seeds):
    for path in sorted((GOLDEN / "log").glob("*.tar.gz")):
        for files, root in partitions(path.name):
            if sum(len(data.rstrip(b"\0")) for data in files.values()) > 6000:
                continue
            data = bytes([(1 if "clean" in path.name else 0) | 4])
            bases = sorted(name for name in files if name.endswith(".log"))
            for kind, pattern in enumerate(LOG_FILES):
                names = [pattern.format(*[(bases + [""])[0][:20]] * 5, (bases + ["", ""])[1][:20])]
                if ".snapshot" in pattern:
                    names = [name for name in files if name.endswith(".snapshot")]
                for name in names:
                    if name in files:
                        content = files[name].rstrip(b"\0") if "index" in name else files[name]
                        data += bytes([kind]) + piece(content)
            seeds.add("log_directory", data)
            for name, content in files.items():
                kinds = {"leader-epoch-checkpoint": 1, "partition.metadata": 3}
                suffixes = {".snapshot": 2, ".index": 5, ".timeindex": 6}
                kind = kinds.get(name, suffixes.get(os.path.splitext(name)[1]))
                if kind is not None:
                    content = content.rstrip(b"\0")[:2000] if kind >= 5 else content
                    seeds.add("log_file", bytes([kind, 3]) + content)
            for name, content in root.items():
                if name.endswith("offset-checkpoint"):
                    seeds.add("log_file", b"\0\3" + content[:2000])
                if name == "meta.properties":
                    seeds.add("log_file", b"\4\3" + content)


def znodes(seeds):
    with open(GOLDEN / "zookeeper" / "znodes.tsv", "rb") as file:
        for line in file:
            data = line.rstrip(b"\n").split(b"\t")[-1]
            for kind in range(len(ZNODE_KINDS)):
                seeds.add("znode", bytes([kind]) + data)
    for text in (
        b'{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]}',
        b'{"version":1,"partitions":[{"topic":"t","partition":0}]}',
        b'{"version":2,"features":{"f":1},"status":1}',
        b'{"version":1,"broker":0,"block_start":"0","block_end":"999"}',
        b'{"version":2,"entity_path":"users/alice/clients/c"}',
        b'{"version":1,"entity_type":"topics","entity_name":"t1"}',
        b'{"version":"1","id":"AAAAAAAAAAAAAAAAAAAAAA"}',
        b'{"version":1,"broker":3,"event":1}',
        b'{"version":3,"partitions":{"0":[1,2]},"topic_id":"AAAAAAAAAAAAAAAAAAAAAA","adding_replicas":{"0":[2]},'
        b'"removing_replicas":{"0":[1]}}',
        b"host1:2181, [::1]:2182,host3/kafka/c1",
        b"a%20b%2A",
    ):
        for kind in range(len(ZNODE_KINDS) + 1):
            seeds.add("znode", bytes([kind]) + text)


def texts(seeds):
    config = (GOLDEN.parent.parent / "config").glob("*.properties")
    for path in sorted(config):
        data = path.read_bytes()
        seeds.add("properties", data)
        seeds.add("option", b"\2" + data + b"\n\nnum.io.threads=3\n")
    for text in (b"# c\n! d\na=b\nc : d\\\n  e\n\\u00e9\\ud83d\\ude00\\:=\\n", b"k\\\r\n v\r\rx", b"a\\u12", b"\\ud800=\\udc00\xff"):
        seeds.add("properties", text)
    for text in (
        b"cleanup.policy=compact,delete\nsegment.bytes=1048576\nmin.insync.replicas=2\nretention.ms=-1",
        b"compression.type=zstd\ncompression.zstd.level=3\nmessage.timestamp.type=LogAppendTime\nmax.message.bytes=10",
        b"leader.replication.throttled.replicas=0:1,1:2\nmin.compaction.lag.ms=5\nmax.compaction.lag.ms=4",
    ):
        seeds.add("option", b"\1" + text)
        seeds.add("option", b"\2log.dirs=/tmp/a, /tmp/b\n\n" + text)
    for option in range(0, 400, 7):
        for value in (b"1", b"-1", b"true", b"a,b", b"1.5", b"9223372036854775807", b"", b" 3 "):
            seeds.add("option", b"\0" + struct.pack(">H", option) + value)
    broker = (
        b"listeners=PLAINTEXT://localhost:9092,SSL://:9093\nadvertised.listeners=PLAINTEXT://a:1\n"
        b"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL\ninter.broker.listener.name=PLAINTEXT\n"
        b"ssl.keystore.location=/k.p12\nssl.keystore.password=secret\nssl.client.auth=required\n"
        b"ssl.principal.mapping.rules=RULE:^CN=(.*?),OU=.*$/$1/L,DEFAULT\nlistener.name.ssl.ssl.client.auth=none\n"
    )
    seeds.add("option", b"\2" + broker + b"\n\nlistener.name.ssl.ssl.keystore.location=/new.p12\nmax.connections=3")
    for text in (
        b"PLAINTEXT://localhost:9092\n\nlocalhost:9092\n127.0.0.1:5,::1:6",
        b"INTERNAL://[::1]:9092,EXTERNAL://:9093\nINTERNAL:SSL,EXTERNAL:PLAINTEXT\n[::1]:9092\nhost:1,xhost:2",
        b"SSL://0.0.0.0:9092,PLAINTEXT://[::]:9092\nssl:SSL , plaintext:SASL_SSL\n:\n1.2.3.4:0",
        b"a://b:0,c://d:0\na:PLAINTEXT,c:PLAINTEXT\nx:65536\nhost:-1",
    ):
        seeds.add("endpoint", text)


def principals(seeds):
    names = b"CN=serviceuser,OU=ServiceUsers,O=Unknown,L=Unknown,ST=Unknown,C=Unknown\nCN=duke\\,x,OU=JavaSoft,O=Sun\n"
    for rules in (
        b"DEFAULT",
        b"RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L, DEFAULT",
        b"RULE:^.*[Cc][Nn]=(?<n>[a-zA-Z0-9.]*).*$/${n}/U",
        b"RULE:(a+)+$/\\$x\\/$0/,RULE:.*//L",
    ):
        seeds.add("principal", rules + b"\n" + names)
        seeds.add("principal", rules + b"\n" + b"a" * 60 + b"!\n")


def group_records(seeds):
    by_name = {}
    for line in lines("protocol/consumer-offsets-topic.jsonl"):
        data = bytes.fromhex((line.get("headerHex") or "") + line["hex"])
        by_name.setdefault(line["name"], []).append(data)
    pairs = (("OffsetCommitKey", "OffsetCommitValue"), ("GroupMetadataKey", "GroupMetadataValue"))
    for key_name, value_name in pairs:
        for key in by_name.get(key_name, []):
            seeds.add("group_record", b"\1" + piece(key) + piece(b""))
            for value in by_name.get(value_name, []):
                seeds.add("group_record", b"\1" + piece(key) + piece(value))
    for line in lines("records/batches-v2.jsonl"):
        data = bytes.fromhex(line["hex"])
        if len(data) < 500:
            seeds.add("group_record", b"\0" + data)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make_seeds.py FOLDER")
    seeds = Seeds(sys.argv[1])
    for make in (messages, batches, log_directories, znodes, texts, principals, group_records):
        make(seeds)


main()
