# SPDX-License-Identifier: Apache-2.0
"""What Barnabas writes to ZooKeeper over the life of a one-broker cluster equals, operation by
operation, what Apache Kafka 3.9.1 writes (test/golden/zookeeper/writes.txt)."""
import difflib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from znode_scenario import PATIENCE_S, STEPS, Cluster
from zookeeper import ZooKeeper, environment

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / 'golden/zookeeper/writes.txt'


def golden_steps():
    steps = {}
    for line in GOLDEN.read_text().splitlines():
        if line.startswith('# '):
            steps[line[2:]] = expected = []
        else:
            expected.append(line)
    return steps


def compare(cluster, name, expected):
    """Waits until as much has been written as Apache Kafka wrote. What comes later shows in the next step."""
    deadline = time.monotonic() + PATIENCE_S
    while len(lines := cluster.new_lines()) < len(expected) and time.monotonic() < deadline:
        time.sleep(0.05)
    cluster.advance(len(lines))
    if lines == expected:
        return True
    print(f'--- {name} differs (- Apache Kafka, + Barnabas):')
    print('\n'.join(difflib.unified_diff(expected, lines, lineterm='', n=1)))
    return False


def main():
    broker, tool = os.environ['BARNABAS_BROKER'], os.environ['BARNABAS_PROGRAMS'] + '/tools/kafka-topics'
    expected = golden_steps()
    assert [name for name, _ in STEPS] == list(expected)
    with tempfile.TemporaryDirectory(prefix='barnabas-znodes-') as folder, ZooKeeper() as zookeeper:
        folder = pathlib.Path(folder)
        log = open(folder / 'broker.log', 'wb')

        def start_broker(properties):
            (folder / 'server.properties').write_text(''.join(f'{k}={v}\n' for k, v in properties.items()))
            return subprocess.Popen([broker, folder / 'server.properties'], stdout=log, stderr=log,
                                    env=environment(zookeeper))

        def topics_tool(arguments):
            subprocess.run([tool, *arguments], check=True, stdout=subprocess.DEVNULL)

        cluster = Cluster(zookeeper, folder, start_broker, topics_tool)
        same = True
        try:
            for name, act in STEPS:
                act(cluster)
                same = compare(cluster, name, expected[name]) and same
        except BaseException:
            print((folder / 'broker.log').read_text(errors='replace')[-8000:])
            raise
        finally:
            cluster.close()
            log.close()
        if not same:
            print((folder / 'broker.log').read_text(errors='replace')[-4000:])
        return 0 if same else 1


if __name__ == '__main__':
    sys.exit(main())
