// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

type saramaClient struct {
	address string
	tls     *tls.Config
}

func (c saramaClient) config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Net.TLS.Enable = c.tls != nil
	config.Net.TLS.Config = c.tls
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRoundRobin()}
	return config
}

func (c saramaClient) retention(admin sarama.ClusterAdmin, topic string) (string, error) {
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}})
	if err != nil {
		return "", err
	}
	return entries[0].Value, nil
}

func (c saramaClient) admin(topic string) error {
	admin, err := sarama.NewClusterAdmin([]string{c.address}, c.config())
	if err != nil {
		return err
	}
	defer admin.Close()
	before, after := "60000", "120000"
	detail := &sarama.TopicDetail{NumPartitions: partitionCount, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &before}}
	if err := admin.CreateTopic(topic, detail, false); err != nil {
		return err
	}
	described, err := admin.DescribeTopics([]string{topic})
	if err != nil || len(described[0].Partitions) != partitionCount {
		return fmt.Errorf("describe: %v %v", err, described)
	}
	if found, err := c.retention(admin, topic); err != nil || found != before {
		return fmt.Errorf("retention.ms is %s: %v", found, err)
	}
	changes := map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &after}}
	if err := admin.IncrementalAlterConfig(sarama.TopicResource, topic, changes, false); err != nil {
		return err
	}
	for {
		found, err := c.retention(admin, topic)
		if err != nil {
			return err
		}
		if found == after {
			break
		}
	}
	if err := admin.DeleteTopic(topic); err != nil {
		return err
	}
	for {
		topics, err := admin.ListTopics()
		if err != nil {
			return err
		}
		if _, there := topics[topic]; !there {
			return nil
		}
	}
}

func (c saramaClient) matrix(topic string) error {
	acks := map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll}
	compression := map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}
	for _, acksName := range acksNames {
		for _, codec := range codecs {
			config := c.config()
			config.Producer.RequiredAcks = acks[acksName]
			config.Producer.Compression = compression[codec]
			if acksName == "all" {
				config.Producer.Idempotent = true
				config.Net.MaxOpenRequests = 1
			}
			producer, err := sarama.NewSyncProducer([]string{c.address}, config)
			if err != nil {
				return err
			}
			var messages []*sarama.ProducerMessage
			for i := 0; i < perCombination; i++ {
				value := sarama.StringEncoder(fmt.Sprintf("%s-%s-%d", acksName, codec, i))
				messages = append(messages, &sarama.ProducerMessage{Topic: topic, Value: value})
			}
			if err := producer.SendMessages(messages); err != nil {
				return err
			}
			if err := producer.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

func encoder(data []byte) sarama.Encoder {
	if data == nil {
		return nil
	}
	return sarama.ByteEncoder(data)
}

func (c saramaClient) produce(topic, partitioner string) error {
	config := c.config()
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	if partitioner == "round-robin" {
		config.Producer.Partitioner = sarama.NewRoundRobinPartitioner
	}
	producer, err := sarama.NewSyncProducer([]string{c.address}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for _, one := range readRecords() {
		message := &sarama.ProducerMessage{Topic: topic, Key: encoder(one.key), Value: encoder(one.value)}
		for _, h := range one.headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.name), Value: h.value})
		}
		messages = append(messages, message)
	}
	if err := producer.SendMessages(messages); err != nil {
		return err
	}
	for _, message := range messages {
		fmt.Println(message.Partition, message.Offset)
	}
	return nil
}

// One member of a group: its sessions end at each rebalance.
type saramaMember struct {
	count  int
	number int
	lock   chan struct{}
	finish context.CancelFunc
}

func (m *saramaMember) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *saramaMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *saramaMember) take(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
	m.lock <- struct{}{}
	defer func() { <-m.lock }()
	if m.count > 0 && m.number == m.count {
		return
	}
	one := record{key: message.Key, value: message.Value}
	for _, h := range message.Headers {
		one.headers = append(one.headers, header{string(h.Key), h.Value})
	}
	show(message.Partition, message.Offset, one)
	session.MarkMessage(message, "")
	m.number++
	if m.count == 0 || m.number == m.count {
		session.Commit()
	}
	if m.number == m.count {
		m.finish()
	}
}

func (m *saramaMember) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.take(session, message)
		case <-session.Context().Done():
			return nil
		}
	}
}

func (c saramaClient) consume(topic, group string, count int) error {
	consumer, err := sarama.NewConsumerGroup([]string{c.address}, group, c.config())
	if err != nil {
		return err
	}
	defer consumer.Close()
	until, finish := context.WithCancel(context.Background())
	member := &saramaMember{count: count, lock: make(chan struct{}, 1), finish: finish}
	for until.Err() == nil {
		if err := consumer.Consume(until, []string{topic}, member); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}
