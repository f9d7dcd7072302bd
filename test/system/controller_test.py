# SPDX-License-Identifier: Apache-2.0
"""The controller acts on what stands in ZooKeeper, whoever wrote it, and survives the loss of its office."""
import json
import pathlib
import shutil
import struct
import tempfile
import unittest

import admin_cases
from broker import Broker, kcat, wait_for
from wire import Connection, string
from zookeeper import ZooKeeper
from zookeeper_client import EPHEMERAL, Client

SESSION_TIMEOUT_MS = 3000
NOT_CONTROLLER = 41


def assignment(partitions, **more):
    return json.dumps({'version': 1, 'partitions': partitions, **more}).encode()


class ControllerTest(unittest.TestCase):
    settings = {}

    def setUp(self):
        self.zookeeper = ZooKeeper().start()
        self.addCleanup(self.zookeeper.close)
        self.broker = Broker(self.zookeeper, settings={'zookeeper.session.timeout.ms': SESSION_TIMEOUT_MS, **self.settings})
        self.addCleanup(self.broker.close)
        self.broker.start()
        self.client = Client(self.zookeeper)
        self.addCleanup(self.client.close)
        self.epoch = wait_for(self.ready_epoch, 'the controller')

    def tearDown(self):
        if self._outcome.result.failures or self._outcome.result.errors:
            print(self.broker.output()[-8000:])

    def ready_epoch(self):
        return self.broker.output().count('The controller is ready') and int(self.client.get('/controller_epoch'))

    def state(self, topic, partition=0):
        data = self.client.get(f'/brokers/topics/{topic}/partitions/{partition}/state')
        return data and json.loads(data)

    def serves(self, topic, partition=0):
        """Whether records go in and come out, now or soon: clients learn a little later than ZooKeeper."""
        def tried():
            kcat(self.broker, '-P', '-t', topic, '-p', str(partition), stdin='line\n', check=False)
            return 'line' in kcat(self.broker, '-C', '-t', topic, '-p', str(partition), '-o', 'beginning', '-e', '-q',
                                  check=False)
        return wait_for(tried, f'{topic}-{partition} to be served')

    def create(self, topic, partitions=1):
        def tried():
            with Connection(self.broker.port) as connection:
                error = connection.create_topic(topic, partitions)
            return None if error == NOT_CONTROLLER else (error,)
        return wait_for(tried, 'a controller that is ready')[0]

    def wait_for_new_office(self):
        wait_for(lambda: (self.client.get('/controller') is not None and
                          int(self.client.get('/controller_epoch')) > self.epoch and
                          self.broker.output().count('The controller is ready') > 1), 'another term of office')
        self.epoch = int(self.client.get('/controller_epoch'))

    def test_a_topic_without_id_gets_one(self):
        self.client.create('/brokers/topics/old', assignment({'0': [0], '1': [0]}))
        wait_for(lambda: self.state('old', 1), 'the partitions')
        written = json.loads(self.client.get('/brokers/topics/old'))
        self.assertEqual(len(written['topic_id']), 22)
        self.assertEqual(written['partitions'], {'0': [0], '1': [0]})
        self.assertEqual(self.state('old'), {'controller_epoch': self.epoch, 'leader': 0, 'version': 1, 'leader_epoch': 0,
                                             'isr': [0]})
        self.assertTrue(self.serves('old', 1))
        # Grown by hand, as the old tools do.
        self.client.set('/brokers/topics/old', assignment({'0': [0], '1': [0], '2': [0]}, topic_id=written['topic_id']))
        wait_for(lambda: self.state('old', 2), 'the third partition')
        self.assertTrue(self.serves('old', 2))

    def test_unknown_deletions_are_dropped(self):
        self.client.create('/admin/delete_topics/nosuch')
        wait_for(lambda: self.client.get('/admin/delete_topics/nosuch') is None, 'the deletion to be dropped')

    def test_deletion_by_hand(self):
        self.assertEqual(self.create('short', 3), 0)
        self.client.create('/admin/delete_topics/short', b'')
        wait_for(lambda: self.client.get('/brokers/topics/short') is None and
                 self.client.get('/config/topics/short') is None and
                 self.client.get('/admin/delete_topics/short') is None, 'the topic to be gone')
        self.assertEqual(self.create('short', 1), 0)
        self.assertTrue(self.serves('short'))

    def test_znodes_that_cannot_be_read_harm_only_themselves(self):
        self.client.create('/brokers/topics/garbage', b'{"partitions":')
        self.client.create('/config/changes/config_change_0000000099', b'nonsense')
        self.assertEqual(self.create('fine'), 0)
        self.assertTrue(self.serves('fine'))
        self.assertIn('topic garbage', self.broker.output())
        self.broker.kill()
        self.broker.start()
        wait_for(lambda: self.broker.output().count('The controller is ready') > 1, 'the next controller')
        self.assertTrue(self.serves('fine'))

    def test_controller_removed_by_hand(self):
        self.client.delete('/controller')
        self.wait_for_new_office()
        self.assertEqual(self.create('after'), 0)
        self.assertEqual(self.state('after')['controller_epoch'], self.epoch)
        self.assertTrue(self.serves('after'))

    def test_fenced_writes_end_the_term(self):
        self.client.set('/controller_epoch', str(self.epoch + 5).encode())
        self.epoch += 5
        self.client.create('/brokers/topics/fenced', assignment({'0': [0]}))
        self.wait_for_new_office()
        wait_for(lambda: self.state('fenced'), 'the partition')
        self.assertEqual(self.state('fenced')['controller_epoch'], self.epoch)
        self.assertTrue(self.serves('fenced'))

    def test_an_expired_session_is_survived(self):
        self.assertEqual(self.create('before'), 0)
        self.broker.pause()
        wait_for(lambda: self.client.get('/controller') is None and not self.client.children('/brokers/ids'),
                 'the session to expire')
        self.broker.resume()
        self.wait_for_new_office()
        self.assertEqual(self.client.children('/brokers/ids'), ['0'])
        self.assertEqual(self.create('after'), 0)
        self.assertTrue(self.serves('before'))
        self.assertTrue(self.serves('after'))

    def test_a_broker_that_does_not_answer_holds_up_no_other(self):
        registration = json.loads(self.client.get('/brokers/ids/0'))
        registration['endpoints'] = ['PLAINTEXT://127.0.0.1:1']
        with Client(self.zookeeper) as other:
            other.create('/brokers/ids/9', json.dumps(registration).encode(), EPHEMERAL)
            wait_for(lambda: '1 new' in self.broker.output(), 'the broker to be seen')
            self.client.create('/brokers/topics/shared', assignment({'0': [9, 0], '1': [0], '2': [9]}))
            wait_for(lambda: self.state('shared', 2), 'the partitions')
            self.assertEqual(self.state('shared', 0)['leader'], 9)
            self.assertTrue(self.serves('shared', 1))
        # It dies: what can move moves, what cannot has no leader; the last member stays in the ISR.
        wait_for(lambda: self.state('shared', 0)['isr'] == [0] and self.state('shared', 2)['leader'] == -1,
                 'the partitions to move')
        self.assertEqual(self.state('shared', 0)['leader'], 0)
        self.assertEqual(self.state('shared', 2)['isr'], [9])
        self.assertTrue(self.serves('shared', 0))
        # Its replicas cannot be deleted: the deletion waits, and nothing else does.
        self.client.create('/admin/delete_topics/shared')
        wait_for(lambda: 'waits: it has replicas that are offline' in self.broker.output(), 'the deletion to wait')
        self.assertEqual(self.create('other'), 0)
        self.assertIsNotNone(self.client.get('/admin/delete_topics/shared'))

    def test_preferred_election_by_znode(self):
        self.assertEqual(self.create('elected'), 0)
        self.client.create('/admin/preferred_replica_election', assignment([{'topic': 'elected', 'partition': 0}]))
        wait_for(lambda: self.client.get('/admin/preferred_replica_election') is None, 'the election')
        self.assertEqual(self.state('elected')['leader_epoch'], 0)
        self.client.create('/admin/preferred_replica_election', assignment([{'topic': 'nosuch', 'partition': 0}]))
        wait_for(lambda: self.client.get('/admin/preferred_replica_election') is None, 'the second election')

    def producer_id(self):
        """InitProducerId 0."""
        with Connection(self.broker.port) as connection:
            answer = connection.call(22, 0, string(None) + struct.pack('>i', 1000))
        _, error, producer_id = struct.unpack_from('>ihq', answer)
        self.assertEqual(error, 0)  # the first one waits until the controller has given ids to the broker
        return producer_id

    def test_producer_ids_are_never_given_twice(self):
        first = self.producer_id()
        self.assertEqual(self.producer_id(), first + 1)
        self.broker.kill()
        self.broker.start()
        self.assertGreaterEqual(self.producer_id(), 1000)
        block = json.loads(self.client.get('/latest_producer_id_block'))
        self.assertEqual((block['broker'], int(block['block_end'])), (0, int(block['block_start']) + 999))

    def test_a_restart_raises_the_epoch(self):
        self.assertEqual(self.create('kept', 2), 0)
        self.assertEqual(self.broker.stop(), 143)
        self.assertIsNone(self.client.get('/controller'))
        self.broker.start()
        self.wait_for_new_office()
        self.assertTrue(self.serves('kept', 1))
        # RF 1: nobody takes over; the leader that returns is elected anew only if its end was seen.
        self.assertEqual(self.state('kept')['leader'], 0)


class DeletionDisabledTest(ControllerTest):
    settings = {'delete.topic.enable': 'false'}

    def test_deletion_is_refused(self):
        self.assertEqual(self.create('stays'), 0)
        with Connection(self.broker.port) as connection:
            self.assertEqual(admin_cases.delete_topics('stays')(connection), [('stays', 73)])
            self.assertEqual(connection.delete_topic('stays'), 42)
        self.client.create('/admin/delete_topics/stays')
        wait_for(lambda: self.client.get('/admin/delete_topics/stays') is None, 'the request to be dropped')
        self.assertTrue(self.serves('stays'))


class FailedDirectoryTest(ControllerTest):
    """A broker whose log directory fails tells the controller, which takes the leadership of what was in it away."""
    settings = {'replica.high.watermark.checkpoint.interval.ms': 100}

    def setUp(self):
        self.directories = [pathlib.Path(tempfile.mkdtemp(prefix='barnabas-log-')) for _ in range(2)]
        for directory in self.directories:
            self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.settings = {**self.settings, 'log.dirs': ','.join(map(str, self.directories))}
        super().setUp()

    def test_partitions_of_a_failed_directory_go_offline(self):
        self.assertEqual(self.create('spread', 4), 0)
        wait_for(lambda: all(self.state('spread', partition) for partition in range(4)) and
                 sum(1 for directory in self.directories for _ in directory.glob('spread-*')) == 4, 'the partitions')
        lost = sorted(int(path.name.split('-')[1]) for path in self.directories[1].glob('spread-*'))
        kept = [partition for partition in range(4) if partition not in lost]
        self.assertEqual((len(lost), len(kept)), (2, 2))
        shutil.rmtree(self.directories[1])
        for partition in lost:
            state = wait_for(lambda: self.state('spread', partition)['leader'] == -1 and self.state('spread', partition),
                             f'spread-{partition} to be offline')
            self.assertEqual(state['isr'], [0])
        wait_for(lambda: self.client.children('/log_dir_event_notification') == [], 'the event to be dealt with')
        for partition in kept:
            self.assertEqual(self.state('spread', partition)['leader'], 0)
            self.assertTrue(self.serves('spread', partition))
        # What is made now goes where there is room.
        self.assertEqual(self.create('later', 2), 0)
        self.assertTrue(self.serves('later', 1))


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(ControllerTest))
    suite.addTest(DeletionDisabledTest('test_deletion_is_refused'))
    suite.addTest(FailedDirectoryTest('test_partitions_of_a_failed_directory_go_offline'))
    return suite


if __name__ == '__main__':
    unittest.main()
