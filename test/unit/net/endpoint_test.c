// SPDX-License-Identifier: Apache-2.0
#include "net/endpoint.h"

#include "test/unit/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void parses_listeners(void)
{
    struct endpoint_list list;
    char *reason = NULL;
    CU_ASSERT_EQUAL_FATAL(endpoint_list_parse("PLAINTEXT://:9092, external://[::1]:9093 ,SSL://a-host.example:0",
                                              "external:plaintext,"
                                              "PLAINTEXT:PLAINTEXT , SSL:SSL",
                                              true, &list, &reason),
                          0);
    CU_ASSERT_EQUAL_FATAL(list.count, 3);
    CU_ASSERT_STRING_EQUAL(list.items[0].listener_name, "PLAINTEXT");
    CU_ASSERT_STRING_EQUAL(list.items[0].host, "");
    CU_ASSERT_EQUAL(list.items[0].port, 9092);
    CU_ASSERT_STRING_EQUAL(list.items[1].listener_name, "EXTERNAL");
    CU_ASSERT_STRING_EQUAL(list.items[1].host, "::1");
    CU_ASSERT_EQUAL(list.items[1].security_protocol, SECURITY_PROTOCOL_PLAINTEXT);
    CU_ASSERT_STRING_EQUAL(list.items[2].host, "a-host.example");
    CU_ASSERT_EQUAL(list.items[2].security_protocol, SECURITY_PROTOCOL_SSL);
    CU_ASSERT_PTR_EQUAL(endpoint_list_find(&list, "External"), &list.items[1]);
    CU_ASSERT_PTR_NULL(endpoint_list_find(&list, "INTERNAL"));
    char *text = endpoint_to_string(&list.items[1]);
    CU_ASSERT_STRING_EQUAL(text, "EXTERNAL://[::1]:9093");
    free(text);
    endpoint_list_fini(&list);
}

static void takes_protocol_names_without_a_map(void)
{
    struct endpoint_list list;
    char *reason = NULL;
    CU_ASSERT_EQUAL_FATAL(endpoint_list_parse("sasl_ssl://h:1", NULL, true, &list, &reason), 0);
    CU_ASSERT_EQUAL(list.items[0].security_protocol, SECURITY_PROTOCOL_SASL_SSL);
    endpoint_list_fini(&list);
}

static void refuses(const char *listeners, const char *map, const char *why)
{
    struct endpoint_list list;
    char *reason = NULL;
    CU_ASSERT_EQUAL(endpoint_list_parse(listeners, map, true, &list, &reason), -EINVAL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reason);
    CU_ASSERT_PTR_NOT_NULL(strstr(reason, why));
    if (strstr(reason, why) == NULL)
        printf("%s: %s\n", listeners, reason);
    free(reason);
    CU_ASSERT_EQUAL(list.count, 0);
}

static void names_what_is_wrong_with_listeners(void)
{
    refuses("", NULL, "no listener");
    refuses(" , ", NULL, "no listener");
    refuses("localhost:9092", NULL, "'localhost:9092' is not NAME://host:port");
    refuses("://localhost:9092", NULL, "not NAME://host:port");
    refuses("PLAINTEXT://localhost", NULL, "PLAINTEXT://localhost");
    refuses("PLAINTEXT://localhost:", NULL, "port");
    refuses("PLAINTEXT://localhost:65536", NULL, "port");
    refuses("PLAINTEXT://localhost:-1", NULL, "port");
    refuses("PLAINTEXT://localhost:9092x", NULL, "port");
    refuses("PLAINTEXT://local host:9092", NULL, "PLAINTEXT://local host:9092");
    refuses("PLAINTEXT://::1:9092", NULL, "PLAINTEXT://::1:9092");
    refuses("CLIENTS://localhost:9092", NULL, "No security protocol defined for listener CLIENTS");
    refuses("CLIENTS://localhost:9092", "BROKERS:PLAINTEXT", "No security protocol defined for listener CLIENTS");
    refuses("CLIENTS://localhost:9092", "CLIENTS:PLAIN", "no security protocol for CLIENTS");
    refuses("PLAINTEXT://a:1,plaintext://a:2", NULL, "different name");
    refuses("PLAINTEXT://a:1,SSL://b:1", NULL, "different port");
    refuses("PLAINTEXT://127.0.0.1:1,SSL://127.0.0.2:1", NULL, "different port");
}

static void allows_one_port_where_it_is_none_too_many(void)
{
    struct endpoint_list list;
    char *reason = NULL;
    CU_ASSERT_EQUAL(endpoint_list_parse("PLAINTEXT://127.0.0.1:1,SSL://[::1]:1", NULL, true, &list, &reason), 0);
    endpoint_list_fini(&list);
    CU_ASSERT_EQUAL(endpoint_list_parse("PLAINTEXT://:0,SSL://:0", NULL, true, &list, &reason), 0);
    endpoint_list_fini(&list);
    CU_ASSERT_EQUAL(endpoint_list_parse("PLAINTEXT://a:1,SSL://a:1", NULL, false, &list, &reason), 0);
    endpoint_list_fini(&list);
}

static void parses_addresses(void)
{
    char *host = NULL;
    uint16_t port = 0;
    CU_ASSERT_EQUAL(endpoint_parse_address("localhost:9092", &host, &port), 0);
    CU_ASSERT_STRING_EQUAL(host, "localhost");
    CU_ASSERT_EQUAL(port, 9092);
    free(host);
    CU_ASSERT_EQUAL(endpoint_parse_address("[2001:db8::1]:1", &host, &port), 0);
    CU_ASSERT_STRING_EQUAL(host, "2001:db8::1");
    free(host);
    CU_ASSERT_EQUAL(endpoint_parse_address("localhost", &host, &port), -EINVAL);
    CU_ASSERT_EQUAL(endpoint_parse_address("2001:db8::1:9092", &host, &port), -EINVAL);
    CU_ASSERT_EQUAL(endpoint_parse_address("", &host, &port), -EINVAL);
}

SUITE_MAIN("net/endpoint", {"parses listeners", parses_listeners},
           {"takes protocol names without a map", takes_protocol_names_without_a_map},
           {"names what is wrong with listeners", names_what_is_wrong_with_listeners},
           {"allows one port where it is none too many", allows_one_port_where_it_is_none_too_many},
           {"parses addresses", parses_addresses})
