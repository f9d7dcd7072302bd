// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type franzClient struct {
	address string
	tls     *tls.Config
}

// The options that say where and how to connect, and more of them.
func (c franzClient) options(more ...kgo.Opt) []kgo.Opt {
	options := append([]kgo.Opt{kgo.SeedBrokers(c.address)}, more...)
	if c.tls != nil {
		options = append(options, kgo.DialTLSConfig(c.tls))
	}
	return options
}

func (c franzClient) retention(admin *kadm.Client, topic string) (string, error) {
	resources, err := admin.DescribeTopicConfigs(context.Background(), topic)
	if err != nil {
		return "", err
	}
	resource, err := resources.On(topic, nil)
	if err != nil {
		return "", err
	}
	for _, config := range resource.Configs {
		if config.Key == "retention.ms" {
			return config.MaybeValue(), nil
		}
	}
	return "", fmt.Errorf("no retention.ms")
}

func (c franzClient) admin(topic string) error {
	client, err := kgo.NewClient(c.options()...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	before, after := "60000", "120000"
	created, err := admin.CreateTopics(context.Background(), partitionCount, 1, map[string]*string{"retention.ms": &before}, topic)
	if err != nil {
		return err
	}
	if err := created[topic].Err; err != nil {
		return err
	}
	topics, err := admin.ListTopics(context.Background(), topic)
	if err != nil || len(topics[topic].Partitions) != partitionCount {
		return fmt.Errorf("%d partitions: %v", len(topics[topic].Partitions), err)
	}
	if found, err := c.retention(admin, topic); err != nil || found != before {
		return fmt.Errorf("retention.ms is %s: %v", found, err)
	}
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &after}}
	altered, err := admin.AlterTopicConfigs(context.Background(), change, topic)
	if err != nil || altered[0].Err != nil {
		return fmt.Errorf("alter: %v %v", err, altered)
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
	deleted, err := admin.DeleteTopics(context.Background(), topic)
	if err != nil || deleted[topic].Err != nil {
		return fmt.Errorf("delete: %v %v", err, deleted[topic].Err)
	}
	for {
		topics, err := admin.ListTopics(context.Background())
		if err != nil {
			return err
		}
		if !topics.Has(topic) {
			return nil
		}
	}
}

func (c franzClient) matrix(topic string) error {
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
	compression := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for _, acksName := range acksNames {
		for _, codec := range codecs {
			options := c.options(kgo.RequiredAcks(acks[acksName]), kgo.ProducerBatchCompression(compression[codec]),
				kgo.AllowAutoTopicCreation())
			if acksName != "all" {
				options = append(options, kgo.DisableIdempotentWrite())
			}
			client, err := kgo.NewClient(options...)
			if err != nil {
				return err
			}
			for i := 0; i < perCombination; i++ {
				value := fmt.Sprintf("%s-%s-%d", acksName, codec, i)
				client.Produce(context.Background(), &kgo.Record{Topic: topic, Value: []byte(value)}, func(_ *kgo.Record, failure error) {
					if failure != nil {
						err = failure
					}
				})
			}
			if flushed := client.Flush(context.Background()); flushed != nil || err != nil {
				return fmt.Errorf("%v %v", flushed, err)
			}
			client.Close()
		}
	}
	return nil
}

func (c franzClient) produce(topic, partitioner string) error {
	options := c.options(kgo.DefaultProduceTopic(topic), kgo.AllowAutoTopicCreation())
	if partitioner == "round-robin" {
		options = append(options, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	var sent []*kgo.Record
	for _, one := range readRecords() {
		record := &kgo.Record{Key: one.key, Value: one.value}
		for _, h := range one.headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
		}
		sent = append(sent, record)
	}
	results := client.ProduceSync(context.Background(), sent...)
	if err := results.FirstErr(); err != nil {
		return err
	}
	for _, record := range sent {
		fmt.Println(record.Partition, record.Offset)
	}
	return nil
}

func (c franzClient) consume(topic, group string, count int) error {
	client, err := kgo.NewClient(c.options(kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(500*time.Millisecond), kgo.FetchMaxWait(500*time.Millisecond))...)
	if err != nil {
		return err
	}
	defer client.Close()
	for number := 0; ; {
		fetches := client.PollFetches(context.Background())
		if errs := fetches.Errors(); len(errs) > 0 {
			return errs[0].Err
		}
		for iterator := fetches.RecordIter(); !iterator.Done(); {
			fetched := iterator.Next()
			one := record{key: fetched.Key, value: fetched.Value}
			for _, h := range fetched.Headers {
				one.headers = append(one.headers, header{h.Key, h.Value})
			}
			show(fetched.Partition, fetched.Offset, one)
			if err := client.CommitRecords(context.Background(), fetched); err != nil {
				return err
			}
			if number++; number == count {
				return nil
			}
		}
	}
}
