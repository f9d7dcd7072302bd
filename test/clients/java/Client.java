// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache Kafka's own clients, see ../README.md. */
public final class Client {
    private static final int PARTITIONS = 3;
    private static final int PER_COMBINATION = 20;
    private static final List<String> CODECS = Arrays.asList("none", "gzip", "snappy", "lz4", "zstd");
    private static final List<String> ACKS = Arrays.asList("0", "1", "all");

    private static final Properties FROM_FILE = new Properties();

    private final String address;

    private Client(String address) {
        this.address = address;
    }

    private Properties properties(Object... pairs) {
        Properties properties = new Properties();
        properties.putAll(FROM_FILE);
        properties.put("bootstrap.servers", address);
        for (int i = 0; i < pairs.length; i += 2)
            properties.put(pairs[i], pairs[i + 1]);
        return properties;
    }

    private KafkaProducer<byte[], byte[]> producer(Object... pairs) {
        return new KafkaProducer<>(properties(pairs), new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static void check(boolean condition, String what) {
        if (!condition)
            throw new IllegalStateException(what);
    }

    private static String retention(Admin admin, ConfigResource resource) throws Exception {
        return admin.describeConfigs(List.of(resource)).values().get(resource).get().get("retention.ms").value();
    }

    private void admin(String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try (Admin admin = Admin.create(properties())) {
            NewTopic wanted = new NewTopic(topic, PARTITIONS, (short) 1).configs(Map.of("retention.ms", "60000"));
            check(admin.createTopics(List.of(wanted)).numPartitions(topic).get() == PARTITIONS, "created");
            check(admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == PARTITIONS, "partitions");
            check(admin.describeCluster().nodes().get().size() == 1, "nodes");
            check(retention(admin, resource).equals("60000"), "retention");
            AlterConfigOp change = new AlterConfigOp(new ConfigEntry("retention.ms", "120000"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
            while (!retention(admin, resource).equals("120000"))
                Thread.onSpinWait();
            admin.deleteTopics(List.of(topic)).all().get();
            while (admin.listTopics().names().get().contains(topic))
                Thread.onSpinWait();
        }
    }

    private void matrix(String topic) throws Exception {
        for (String acks : ACKS)
            for (String codec : CODECS) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                try (KafkaProducer<byte[], byte[]> producer = producer("acks", acks, "compression.type", codec, "linger.ms", 5)) {
                    for (int i = 0; i < PER_COMBINATION; i++)
                        sent.add(producer.send(new ProducerRecord<>(topic, (acks + "-" + codec + "-" + i).getBytes(StandardCharsets.UTF_8))));
                }
                for (Future<RecordMetadata> one : sent)
                    one.get();
            }
        System.out.println(String.join(" ", CODECS));
    }

    private static byte[] nullOrBytes(String text) {
        return text.equals("\\N") ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private void produce(String topic, String partitioner) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        Object[] settings = partitioner.equals("round-robin")
            ? new Object[] {"partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner"} : new Object[0];
        try (KafkaProducer<byte[], byte[]> producer = producer(settings)) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] fields = line.split("\t", -1);
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, nullOrBytes(fields[0]), nullOrBytes(fields[1]));
                for (String pair : fields[2].split(","))
                    if (!pair.isEmpty())
                        record.headers().add(pair.split("=")[0], pair.split("=")[1].getBytes(StandardCharsets.UTF_8));
                sent.add(producer.send(record));
            }
        }
        for (Future<RecordMetadata> one : sent)
            System.out.println(one.get().partition() + " " + one.get().offset());
    }

    private static String text(byte[] data) {
        return data == null ? "\\N" : new String(data, StandardCharsets.UTF_8);
    }

    private static void show(ConsumerRecord<byte[], byte[]> record) {
        List<String> headers = new ArrayList<>();
        for (Header header : record.headers())
            headers.add(header.key() + "=" + text(header.value()));
        System.out.println(record.partition() + "\t" + record.offset() + "\t" + text(record.key()) + "\t" + text(record.value()) + "\t"
            + String.join(",", headers));
        System.out.flush();
    }

    private void consume(String topic, String group, int count) {
        Properties properties = properties("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false",
            "session.timeout.ms", 6000, "heartbeat.interval.ms", 500);
        int number = 0;
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (true)
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    show(record);
                    TopicPartition partition = new TopicPartition(record.topic(), record.partition());
                    consumer.commitSync(Map.of(partition, new OffsetAndMetadata(record.offset() + 1)));
                    if (++number == count)
                        return;
                }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client(arguments[0]);
        if (System.getenv("CLIENT_PROPERTIES") != null)
            try (Reader file = Files.newBufferedReader(Path.of(System.getenv("CLIENT_PROPERTIES")))) {
                FROM_FILE.load(file);
            }
        switch (arguments[1]) {
            case "admin": client.admin(arguments[2]); break;
            case "matrix": client.matrix(arguments[2]); break;
            case "produce": client.produce(arguments[2], arguments[3]); break;
            case "consume": client.consume(arguments[2], arguments[3], Integer.parseInt(arguments[4])); break;
            default: throw new IllegalArgumentException(arguments[1]);
        }
    }
}
