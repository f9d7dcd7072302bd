// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include "base/logger.h"
#include "base/memory.h"
#include "log/log_config.h"
#include "net/endpoint.h"
#include "test/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char warnings[4096];
static struct config *config;

static void note_warning(void *context, enum logger_level level, const char *line)
{
    (void)context;
    if (level < LOGGER_WARN)
        return;
    size_t size = strlen(warnings);
    snprintf(warnings + size, sizeof warnings - size, "%s\n", line);
}

// Creates the configuration of a file with this text and zookeeper.connect; NULL is the expected reason for none.
static bool create(const char *text, const char *reason_expected)
{
    struct properties settings = {0};
    char *reason = NULL;
    warnings[0] = 0;
    logger_set_observer(note_warning, NULL);
    properties_set(&settings, "zookeeper.connect", "localhost:2181");
    CU_ASSERT_EQUAL(properties_parse(&settings, view_of_string(text)), 0);
    config = config_create(&settings, &reason);
    properties_fini(&settings);
    logger_set_observer(NULL, NULL);
    if (reason_expected == NULL) {
        CU_ASSERT_PTR_NULL(reason);
        CU_ASSERT_PTR_NOT_NULL(config);
        if (reason != NULL)
            printf("%s\n", reason);
    } else {
        CU_ASSERT_PTR_NULL(config);
        CU_ASSERT_PTR_NOT_NULL_FATAL(reason);
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, reason_expected));
        if (strstr(reason, reason_expected) == NULL)
            printf("%s\n", reason);
    }
    free(reason);
    return config != NULL;
}

static void warns_of_nothing_in_the_shipped_file(void)
{
    struct properties settings = {0};
    char *reason;
    warnings[0] = 0;
    CU_ASSERT_EQUAL_FATAL(properties_load(&settings, TEST_DATA_DIR "/../config/server.properties"), 0);
    logger_set_observer(note_warning, NULL);
    config = config_create(&settings, &reason);
    logger_set_observer(NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(config);
    CU_ASSERT_STRING_EQUAL(warnings, "");
    CU_ASSERT_EQUAL(config_broker_id(config), 0);
    config_destroy(&config);
    properties_fini(&settings);
}

static void warns_of_what_it_ignores(void)
{
    if (!create("nosuch.key=1\nreplica.lag.time.max.ms=5\nreplica.fetch.wait.max.ms=500\nnum.partitions=3", NULL))
        return;
    CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "nosuch.key"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "replica.lag.time.max.ms"));
    CU_ASSERT_PTR_NULL(strstr(warnings, "replica.fetch.wait.max.ms")); // its default
    CU_ASSERT_PTR_NULL(strstr(warnings, "num.partitions"));
    config_destroy(&config);
}

static void refuses_what_would_weaken(void)
{
    create("authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "authorizer.class.name");
    create("listeners=PLAINTEXT://:9092,SASL_PLAINTEXT://:9093", "SASL_PLAINTEXT");
    create("sasl.enabled.mechanisms=PLAIN", "sasl.enabled.mechanisms");
    create("ssl.provider=BCFIPS", "ssl.provider");
    create("ssl.engine.factory.class=com.example.Factory", "ssl.engine.factory.class");
    create("ssl.secure.random.implementation=Dice", "ssl.secure.random.implementation");
    create("ssl.keymanager.algorithm=Other", "ssl.keymanager.algorithm");
    create("listener.name.plaintext.ssl.trustmanager.algorithm=Other",
           "Invalid value Other for configuration listener.name.plaintext.ssl.trustmanager.algorithm");
    create("ssl.endpoint.identification.algorithm=LDAPS", "ssl.endpoint.identification.algorithm");
    create("listener.name.internal.plain.sasl.jaas.config=secret", "listener.name.internal.plain.sasl.jaas.config");
    create("zookeeper.ssl.client.enable=true", "zookeeper.ssl.client.enable");
    create("zookeeper.set.acl=true", "zookeeper.set.acl");
    create("security.inter.broker.protocol=SASL_SSL", "security.inter.broker.protocol");
    create("process.roles=broker", "process.roles");
    create("inter.broker.protocol.version=2.8", "inter.broker.protocol.version");
    if (create("authorizer.class.name=\nzookeeper.set.acl=false\ninter.broker.protocol.version=3.9", NULL)) {
        CU_ASSERT_STRING_EQUAL(warnings, "");
        config_destroy(&config);
    }
}

static void does_not_show_secrets(void)
{
    create("sasl.jaas.config=hunter2", "[hidden]");
    create("listener.name.x.plain.sasl.jaas.config=hunter2", "[hidden]");
    if (create("password.encoder.secret=hunter2\nlistener.name.x.ssl.key.password=hunter2", NULL)) {
        CU_ASSERT_PTR_NULL(strstr(warnings, "hunter2"));
        config_destroy(&config);
    }
}

static void stores_may_have_empty_passwords(void)
{
    if (create("ssl.keystore.password=\nssl.key.password=", NULL)) {
        char *password = config_copy_string(config, OPTION_SSL_KEYSTORE_PASSWORD);
        CU_ASSERT_PTR_NOT_NULL_FATAL(password);
        CU_ASSERT_STRING_EQUAL(password, "");
        CU_ASSERT_PTR_NULL(config_copy_string(config, OPTION_SSL_TRUSTSTORE_PASSWORD));
        CU_ASSERT_PTR_NULL(config_copy_string(config, OPTION_SSL_KEY_PASSWORD));
        free(password);
        config_destroy(&config);
    }
}

static void refuses_what_is_wrong(void)
{
    create("zookeeper.connect=", "Missing required configuration `zookeeper.connect` which has no default value.");
    create("broker.id=abc", "Invalid value abc for configuration broker.id: Not a number of type INT");
    create("broker.id=1001",
           "broker.id must be greater than or equal to -1 and not greater than reserved.broker.max.id");
    create("broker.id=1\nnode.id=2", "node.id");
    create(
        "listeners=FOO://localhost:39096",
        "Error creating broker listeners from 'FOO://localhost:39096': No security protocol defined for listener FOO");
    create("advertised.listeners=PLAINTEXT://0.0.0.0:9092", "0.0.0.0");
    create("listeners=PLAINTEXT://0.0.0.0:9092", "0.0.0.0");
    create("advertised.listeners=EXTERNAL://h:9092\n"
           "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,EXTERNAL:PLAINTEXT",
           "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners");
    create("inter.broker.listener.name=NOSUCH", "inter.broker.listener.name");
    create("security.inter.broker.protocol=SSL", "security.inter.broker.protocol must be a listener name defined in");
    create("inter.broker.listener.name=PLAINTEXT\nsecurity.inter.broker.protocol=PLAINTEXT", "Only one of");
    create("ssl.client.auth=maybe",
           "Invalid value maybe for configuration ssl.client.auth: String must be one of: required, requested, none");
    create(
        "listener.name.ssl.ssl.client.auth=maybe",
        "Invalid value maybe for configuration listener.name.ssl.ssl.client.auth: String must be one of: required, ");
    create("log.cleaner.threads=0", "log.cleaner.threads");
    create("log.retention.hours=0", "log.retention.hours");
    create("queued.max.request.bytes=1000", "queued.max.request.bytes must be larger");
    create("log.dirs=,", "At least one log directory");
    create("log.dirs=", "At least one log directory");
}

static void knows_several_listeners(void)
{
    if (!create("listeners=INSIDE://:9092,OUTSIDE://:9094\nadvertised.listeners=INSIDE://kafka:9092,OUTSIDE://"
                "localhost:9094\nlistener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT\n"
                "inter.broker.listener.name=INSIDE",
                NULL))
        return;
    CU_ASSERT_EQUAL(config_listeners(config)->count, 2);
    CU_ASSERT_STRING_EQUAL(config_advertised_listeners(config)->items[0].host, "kafka");
    CU_ASSERT_STRING_EQUAL(config_inter_broker_listener(config), "INSIDE");
    config_destroy(&config);
}

static int change_count;

static void note_change(void *context)
{
    (void)context;
    change_count++;
}

static void expect_listener_value(const struct properties *overrides, const char *listener, enum option option,
                                  const char *expected)
{
    char *value = config_listener_string(config, overrides, listener, option);
    CU_ASSERT_TRUE(expected == NULL ? value == NULL : value != NULL && strcmp(value, expected) == 0);
    if (value != NULL && expected != NULL && strcmp(value, expected) != 0)
        printf("%s: %s\n", listener, value);
    free(value);
}

static void lets_listeners_have_their_own(void)
{
    if (!create("listeners=PLAINTEXT://:9092,CLIENT://:9093,SSL://:9094\n"
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CLIENT:SSL,SSL:SSL\n"
                "ssl.keystore.location=/all.jks\nssl.client.auth=required\n"
                "listener.name.client.ssl.keystore.location=/client.jks\n"
                "listener.name.client.ssl.truststore.location=\n"
                "listener.name.CLIENT.ssl.key.password=x\nlistener.name.nosuch.ssl.protocol=TLSv1.2\n"
                "listener.name.ssl.num.io.threads=4\nlistener.name.ssl.nosuch=4",
                NULL))
        return;
    CU_ASSERT_EQUAL(config_listeners(config)->items[1].security_protocol, SECURITY_PROTOCOL_SSL);
    expect_listener_value(NULL, "CLIENT", OPTION_SSL_KEYSTORE_LOCATION, "/client.jks");
    expect_listener_value(NULL, "client", OPTION_SSL_KEYSTORE_LOCATION, "/client.jks");
    expect_listener_value(NULL, "SSL", OPTION_SSL_KEYSTORE_LOCATION, "/all.jks");
    expect_listener_value(NULL, "CLIENT", OPTION_SSL_CLIENT_AUTH, "required");
    expect_listener_value(NULL, "CLIENT", OPTION_SSL_KEY_PASSWORD, NULL);
    expect_listener_value(NULL, "CLIENT", OPTION_SSL_TRUSTSTORE_LOCATION, "");
    CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "listener.name.CLIENT.ssl.key.password has no effect"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "listener.name.nosuch.ssl.protocol has no effect"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "listener.name.ssl.num.io.threads is not acted on"));
    CU_ASSERT_PTR_NOT_NULL(strstr(warnings, "listener.name.ssl.nosuch is not known"));

    struct properties overrides = {0}, none = {0};
    properties_set(&overrides, "listener.name.client.ssl.keystore.location", "/new.jks");
    expect_listener_value(&overrides, "CLIENT", OPTION_SSL_KEYSTORE_LOCATION, "/new.jks");
    change_count = 0;
    config_observe(config, note_change, NULL);
    config_set_broker(config, &overrides, false);
    CU_ASSERT_EQUAL(change_count, 1);
    expect_listener_value(NULL, "CLIENT", OPTION_SSL_KEYSTORE_LOCATION, "/new.jks");
    expect_listener_value(&none, "CLIENT", OPTION_SSL_KEYSTORE_LOCATION, "/client.jks");
    config_set_broker(config, &none, false);
    CU_ASSERT_EQUAL(change_count, 2);
    expect_listener_value(NULL, "CLIENT", OPTION_SSL_KEYSTORE_LOCATION, "/client.jks");
    properties_fini(&overrides);
    config_destroy(&config);
}

static void accepts_what_java_has_anyway(void)
{
    if (!create("ssl.keymanager.algorithm=PKIX\nssl.trustmanager.algorithm=PKIX\n"
                "ssl.secure.random.implementation=SHA1PRNG\nssl.endpoint.identification.algorithm=\n"
                "ssl.engine.factory.class=org.apache.kafka.common.security.ssl.DefaultSslEngineFactory",
                NULL))
        return;
    CU_ASSERT_STRING_EQUAL(warnings, "");
    config_destroy(&config);
}

static void derives_topics_from_the_broker(void)
{
    if (!create("log.retention.hours=5\nlog.roll.hours=2\nlog.segment.bytes=1000\nmin.insync.replicas=2\n"
                "compression.type=zstd\ncompression.zstd.level=7\nlog.message.timestamp.difference.max.ms=77",
                NULL))
        return;
    struct view topic = view_of_string("t");
    struct log_config log;
    config_topic_log(config, topic, &log);
    CU_ASSERT_EQUAL(log.retention_ms, 5 * 3600 * 1000);
    CU_ASSERT_EQUAL(log.segment_ms, 2 * 3600 * 1000);
    CU_ASSERT_EQUAL(log.segment_size_max, 1000);
    CU_ASSERT_TRUE(log.compression_is_set);
    CU_ASSERT_EQUAL(log.compression, COMPRESSION_ZSTD);
    CU_ASSERT_EQUAL(log.compression_level, 7);
    CU_ASSERT_EQUAL(log.timestamp_before_max_ms, 77);
    CU_ASSERT_EQUAL(log.timestamp_after_max_ms, 77);
    CU_ASSERT_EQUAL(config_topic_integer(config, topic, OPTION_TOPIC_MIN_INSYNC_REPLICAS), 2);

    struct properties overrides = {0};
    properties_set(&overrides, "retention.ms", "123");
    properties_set(&overrides, "cleanup.policy", "compact");
    properties_set(&overrides, "message.timestamp.type", "LogAppendTime");
    properties_set(&overrides, "segment.bytes", "1"); // out of bounds: left out
    properties_set(&overrides, "min.insync.replicas", "1");
    config_set_topic(config, topic, &overrides);
    config_topic_log(config, topic, &log);
    CU_ASSERT_EQUAL(log.retention_ms, 123);
    CU_ASSERT_TRUE(log.cleanup_compact && !log.cleanup_delete && log.log_append_time);
    CU_ASSERT_EQUAL(log.segment_size_max, 1000);
    CU_ASSERT_EQUAL(config_topic_integer(config, topic, OPTION_TOPIC_MIN_INSYNC_REPLICAS), 1);
    CU_ASSERT_EQUAL(config_topic_integer(config, view_of_string("u"), OPTION_TOPIC_MIN_INSYNC_REPLICAS), 2);

    enum config_source source;
    char *value = config_topic_value(config, &overrides, OPTION_TOPIC_RETENTION_MS, &source);
    CU_ASSERT_STRING_EQUAL(value, "123");
    CU_ASSERT_EQUAL(source, CONFIG_SOURCE_TOPIC);
    free(value);
    value = config_topic_value(config, NULL, OPTION_TOPIC_SEGMENT_BYTES, &source);
    CU_ASSERT_STRING_EQUAL(value, "1000");
    CU_ASSERT_EQUAL(source, CONFIG_SOURCE_FILE);
    free(value);
    // hours stand in for ms, which nobody set: as Kafka shows it
    value = config_topic_value(config, NULL, OPTION_TOPIC_RETENTION_MS, &source);
    CU_ASSERT_STRING_EQUAL(value, "18000000");
    CU_ASSERT_EQUAL(source, CONFIG_SOURCE_DEFAULT);
    free(value);
    properties_fini(&overrides);

    config_set_topic(config, topic, NULL);
    CU_ASSERT_EQUAL(config_topic_integer(config, topic, OPTION_TOPIC_RETENTION_MS), 5 * 3600 * 1000);
    config_destroy(&config);
}

static void changes_at_run_time(void)
{
    if (!create("message.max.bytes=1000\nnum.io.threads=4", NULL))
        return;
    change_count = 0;
    config_observe(config, note_change, NULL);
    struct properties cluster = {0}, own = {0}, none = {0};
    properties_set(&cluster, "message.max.bytes", "2000");
    properties_set(&cluster, "log.retention.ms", "60000");
    properties_set(&own, "message.max.bytes", "3000");
    config_set_broker(config, &cluster, true);
    CU_ASSERT_EQUAL(config_int(config, OPTION_MESSAGE_MAX_BYTES), 2000);
    CU_ASSERT_EQUAL(config_topic_integer(config, view_of_string("t"), OPTION_TOPIC_RETENTION_MS), 60000);
    config_set_broker(config, &own, false);
    CU_ASSERT_EQUAL(config_int(config, OPTION_MESSAGE_MAX_BYTES), 3000);
    CU_ASSERT_EQUAL(change_count, 2);
    config_set_broker(config, &own, false);
    CU_ASSERT_EQUAL(change_count, 2);
    config_set_broker(config, &none, false);
    config_set_broker(config, &none, true);
    CU_ASSERT_EQUAL(config_int(config, OPTION_MESSAGE_MAX_BYTES), 1000);
    CU_ASSERT_TRUE(config_is_null(config, OPTION_LOG_RETENTION_MS));
    CU_ASSERT_EQUAL(change_count, 4);
    properties_fini(&cluster);
    properties_fini(&own);
    config_destroy(&config);
}

static void expect_check(const char *key, const char *value, bool cluster_wide, const char *expected)
{
    struct properties overrides = {0};
    properties_set(&overrides, key, value);
    char *message = config_check_broker(config, &overrides, cluster_wide);
    if (expected == NULL) {
        CU_ASSERT_PTR_NULL(message);
    } else {
        CU_ASSERT_TRUE(message != NULL && strstr(message, expected) != NULL);
    }
    free(message);
    properties_fini(&overrides);
}

static void checks_changes(void)
{
    if (!create("", NULL))
        return;
    expect_check("message.max.bytes", "2000", true, NULL);
    expect_check("message.max.bytes", "many", true, "Not a number of type INT");
    expect_check("num.partitions", "3", false, "Cannot update these configs dynamically");
    expect_check("num.io.threads", "3", true, "start the broker again");
    expect_check("max.connections", "3", true, NULL);
    expect_check("max.connection.creation.rate", "3", false, NULL);
    expect_check("max.connections.per.ip", "-1", true, "at least 0");
    expect_check("listeners", "PLAINTEXT://:1", false, "cannot be changed while the broker runs");
    expect_check("nosuch", "3", false, "Cannot update these configs dynamically");
    expect_check("ssl.keystore.location", "x", false,
                 "These security configs can be dynamically updated only per-listener using the listener prefix: "
                 "HashSet(ssl.keystore.location)");
    expect_check("ssl.client.auth", "none", false, "start the broker again");
    expect_check("listener.name.plaintext.ssl.keystore.location", "x", false, NULL);
    expect_check("listener.name.plaintext.ssl.keystore.location", "x", true,
                 "Cannot update these configs at default cluster level, broker id must be specified: "
                 "Set(listener.name.plaintext.ssl.keystore.location)");
    expect_check("listener.name.plaintext.ssl.client.auth", "none", false,
                 "Invalid dynamic configuration: Configs cannot be updated dynamically for existing listener "
                 "ListenerName(PLAINTEXT)");
    expect_check("listener.name.other.ssl.client.auth", "maybe", false, "String must be one of");
    expect_check("listener.name.plaintext.ssl.provider", "BC", false, "ssl.provider");
    expect_check("listener.name.plaintext.max.connections", "many", false, "Not a number of type INT");
    expect_check("listener.name.plaintext.max.connections", "7", false, NULL);
    expect_check("listener.name.plaintext.nosuch", "7", false, "Cannot update these configs dynamically");
    expect_check("leader.replication.throttled.rate", "5", false, NULL);
    expect_check("log.retention.ms", "0", true, "unlimited (-1)");
    expect_check("log.retention.ms", "-1", true, NULL);
    expect_check("log.cleaner.threads", "0", true, "at least 1");
    config_destroy(&config);
}

SUITE_MAIN("server/config", {"warns of nothing in the shipped file", warns_of_nothing_in_the_shipped_file},
           {"warns of what it ignores", warns_of_what_it_ignores},
           {"refuses what would weaken", refuses_what_would_weaken}, {"does not show secrets", does_not_show_secrets},
           {"stores may have empty passwords", stores_may_have_empty_passwords},
           {"refuses what is wrong", refuses_what_is_wrong}, {"knows several listeners", knows_several_listeners},
           {"lets listeners have their own", lets_listeners_have_their_own},
           {"accepts what Java has anyway", accepts_what_java_has_anyway},
           {"derives topics from the broker", derives_topics_from_the_broker},
           {"changes at run time", changes_at_run_time}, {"checks changes", checks_changes})
