// SPDX-License-Identifier: Apache-2.0

// Franz-go and sarama, see ../README.md: the first argument is the library's name.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const (
	partitionCount = 3
	perCombination = 20
)

var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}
var acksNames = []string{"0", "1", "all"}

type header struct {
	name  string
	value []byte
}

type record struct {
	key, value []byte
	headers    []header
}

type client interface {
	admin(topic string) error
	matrix(topic string) error
	produce(topic, partitioner string) error
	consume(topic, group string, count int) error
}

func nullOrBytes(text string) []byte {
	if text == `\N` {
		return nil
	}
	return []byte(text)
}

func readRecords() []record {
	var records []record
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		one := record{key: nullOrBytes(fields[0]), value: nullOrBytes(fields[1])}
		for _, pair := range strings.Split(fields[2], ",") {
			if pair != "" {
				parts := strings.SplitN(pair, "=", 2)
				one.headers = append(one.headers, header{parts[0], []byte(parts[1])})
			}
		}
		records = append(records, one)
	}
	return records
}

func text(data []byte) string {
	if data == nil {
		return `\N`
	}
	return string(data)
}

func show(partition int32, offset int64, one record) {
	var pairs []string
	for _, h := range one.headers {
		pairs = append(pairs, h.name+"="+text(h.value))
	}
	fmt.Printf("%d\t%d\t%s\t%s\t%s\n", partition, offset, text(one.key), text(one.value), strings.Join(pairs, ","))
}

// Nil without a CA to trust; a certificate of one's own is sent when there is one.
func tlsConfig() (*tls.Config, error) {
	ca, certificate := os.Getenv("CLIENT_TLS_CA"), os.Getenv("CLIENT_TLS_CERTIFICATE")
	if ca == "" {
		return nil, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(text)
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, os.Getenv("CLIENT_TLS_KEY"))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func run(arguments []string) error {
	address, command, topic := arguments[1], arguments[2], arguments[3]
	secured, err := tlsConfig()
	if err != nil {
		return err
	}
	var one client
	if arguments[0] == "sarama" {
		one = saramaClient{address, secured}
	} else {
		one = franzClient{address, secured}
	}
	switch command {
	case "admin":
		return one.admin(topic)
	case "matrix":
		if err := one.matrix(topic); err != nil {
			return err
		}
		fmt.Println(strings.Join(codecs, " "))
		return nil
	case "produce":
		return one.produce(topic, arguments[4])
	case "consume":
		count, err := strconv.Atoi(arguments[5])
		if err != nil {
			return err
		}
		return one.consume(topic, arguments[4], count)
	}
	return fmt.Errorf("unknown command %s", command)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
