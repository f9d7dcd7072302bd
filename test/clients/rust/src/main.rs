// SPDX-License-Identifier: Apache-2.0
//! The rdkafka crate, see ../../README.md.
use std::io::{BufRead, Write};
use std::time::Duration;
use std::{env, io};

use futures_executor::block_on as wait;
use futures_util::future::join_all;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

type Failure = Box<dyn std::error::Error>;

const PARTITIONS: i32 = 3;
const PER_COMBINATION: i32 = 20;
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const PATIENCE: Duration = Duration::from_secs(60);

struct Record {
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, String)>,
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    let settings = [
        ("ssl.ca.location", "CLIENT_TLS_CA"),
        ("ssl.certificate.location", "CLIENT_TLS_CERTIFICATE"),
        ("ssl.key.location", "CLIENT_TLS_KEY"),
        ("ssl.keystore.location", "CLIENT_TLS_KEYSTORE"),
        ("ssl.keystore.password", "CLIENT_TLS_PASSWORD"),
    ];
    for (name, variable) in settings {
        if let Ok(value) = env::var(variable) {
            config.set("security.protocol", "ssl").set(name, value);
        }
    }
    config
}

fn check(condition: bool, what: &str) -> Result<(), Failure> {
    if condition {
        Ok(())
    } else {
        Err(what.into())
    }
}

fn retention(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<String, Failure> {
    let resource = ResourceSpecifier::Topic(topic);
    let described = wait(admin.describe_configs(&[resource], &AdminOptions::new()))?;
    for answer in described {
        let map = answer.map_err(|code| code.to_string())?;
        if let Some(entry) = map.get("retention.ms") {
            return Ok(entry.value.clone().unwrap_or_default());
        }
    }
    Err("no retention.ms".into())
}

fn run_admin(address: &str, topic: &str) -> Result<(), Failure> {
    let admin: AdminClient<DefaultClientContext> = config(address).create()?;
    let options = AdminOptions::new();
    let new_topic = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)).set("retention.ms", "60000");
    for answer in wait(admin.create_topics(&[new_topic], &options))? {
        answer.map_err(|(_, code)| code.to_string())?;
    }
    let metadata = admin.inner().fetch_metadata(Some(topic), PATIENCE)?;
    check(metadata.topics()[0].partitions().len() == PARTITIONS as usize, "partitions")?;
    check(retention(&admin, topic)? == "60000", "retention")?;
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("retention.ms", "120000");
    for answer in wait(admin.alter_configs(&[change], &options))? {
        answer.map_err(|(_, code)| code.to_string())?;
    }
    while retention(&admin, topic)? != "120000" {}
    for answer in wait(admin.delete_topics(&[topic], &options))? {
        answer.map_err(|(_, code)| code.to_string())?;
    }
    while admin.inner().fetch_metadata(None, PATIENCE)?.topics().iter().any(|one| one.name() == topic) {}
    Ok(())
}

fn run_matrix(address: &str, topic: &str) -> Result<(), Failure> {
    for acks in ["0", "1", "all"] {
        for codec in CODECS {
            let idempotent = if acks == "all" { "true" } else { "false" };
            let producer: FutureProducer = config(address)
                .set("acks", acks)
                .set("compression.codec", codec)
                .set("enable.idempotence", idempotent)
                .create()?;
            let values: Vec<String> = (0..PER_COMBINATION).map(|i| format!("{}-{}-{}", acks, codec, i)).collect();
            let sent: Vec<_> = values
                .iter()
                .map(|value| producer.send_result(FutureRecord::<(), String>::to(topic).payload(value)))
                .collect::<Result<_, _>>()
                .map_err(|(error, _)| error)?;
            for delivery in wait(join_all(sent)) {
                delivery?.map_err(|(error, _)| error)?;
            }
            producer.flush(PATIENCE)?;
        }
    }
    println!("{}", CODECS.join(" "));
    Ok(())
}

fn null_or_text(text: &str) -> Option<String> {
    if text == "\\N" {
        None
    } else {
        Some(text.to_string())
    }
}

fn parse(line: &str) -> Record {
    let fields: Vec<&str> = line.split('\t').collect();
    let pairs = fields[2].split(',').filter_map(|pair| pair.split_once('='));
    Record {
        key: null_or_text(fields[0]),
        value: null_or_text(fields[1]),
        headers: pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    }
}

fn run_produce(address: &str, topic: &str, partitioner: &str) -> Result<(), Failure> {
    let producer: FutureProducer = config(address)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .create()?;
    let partition_count = producer.client().fetch_metadata(Some(topic), PATIENCE)?.topics()[0].partitions().len();
    let lines: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let records: Vec<Record> = lines.iter().map(|line| parse(line)).collect();
    let mut sent = Vec::new();
    for (number, one) in records.iter().enumerate() {
        let mut record = FutureRecord::<String, String>::to(topic);
        record.key = one.key.as_ref();
        record.payload = one.value.as_ref();
        if partitioner == "round-robin" {
            record = record.partition((number % partition_count) as i32);
        }
        let headers = one.headers.iter().fold(OwnedHeaders::new(), |all, (name, value)| {
            all.insert(Header { key: name, value: Some(value) })
        });
        sent.push(producer.send_result(record.headers(headers)).map_err(|(error, _)| error)?);
    }
    for delivery in wait(join_all(sent)) {
        let (partition, offset) = delivery?.map_err(|(error, _)| error)?;
        println!("{} {}", partition, offset);
    }
    Ok(())
}

fn text(data: Option<&[u8]>) -> String {
    data.map_or("\\N".to_string(), |bytes| String::from_utf8_lossy(bytes).to_string())
}

fn run_consume(address: &str, topic: &str, group: &str, count: usize) -> Result<(), Failure> {
    let consumer: BaseConsumer = config(address)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "500")
        .create()?;
    consumer.subscribe(&[topic])?;
    let mut number = 0;
    while number == 0 || number != count {
        let message = match consumer.poll(Duration::from_secs(1)) {
            None => continue,
            Some(Err(error)) => {
                eprintln!("{}", error);
                continue;
            }
            Some(Ok(message)) => message,
        };
        let mut pairs = Vec::new();
        if let Some(headers) = message.headers() {
            for i in 0..headers.count() {
                let header = headers.get(i);
                pairs.push(format!("{}={}", header.key, text(header.value)));
            }
        }
        let (partition, offset) = (message.partition(), message.offset());
        println!("{}\t{}\t{}\t{}\t{}", partition, offset, text(message.key()), text(message.payload()), pairs.join(","));
        io::stdout().flush()?;
        consumer.commit_message(&message, CommitMode::Sync)?;
        number += 1;
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().collect();
    let (address, topic) = (&arguments[1], &arguments[3]);
    match arguments[2].as_str() {
        "admin" => run_admin(address, topic),
        "matrix" => run_matrix(address, topic),
        "produce" => run_produce(address, topic, &arguments[4]),
        "consume" => run_consume(address, topic, &arguments[4], arguments[5].parse()?),
        other => Err(format!("unknown command {}", other).into()),
    }
}
