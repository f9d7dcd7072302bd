# SPDX-License-Identifier: Apache-2.0
# A broker, the tools and a ZooKeeper to run beside it, under /opt/kafka/bin. See docker-compose.yml.

FROM debian:bookworm-slim AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends \
        cmake gcc libc6-dev libjansson-dev liblz4-dev libpcre2-dev librdkafka-dev libsnappy-dev libssl-dev \
        libzookeeper-mt-dev libzstd-dev ninja-build pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . /source
WORKDIR /source
RUN cmake --preset release && cmake --build build/release && cmake --install build/release --prefix /opt/kafka --strip

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends \
        default-jre-headless libjansson4 liblz4-1 libpcre2-8-0 librdkafka1 libsnappy1v5 libssl3 libzookeeper-java \
        libzookeeper-mt2 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --home-dir /opt/kafka --shell /usr/sbin/nologin kafka \
    && mkdir -p /var/lib/kafka /var/lib/zookeeper /var/log/kafka \
    && chown kafka:kafka /var/lib/kafka /var/lib/zookeeper /var/log/kafka
COPY --from=build /opt/kafka /opt/kafka
ENV PATH=/opt/kafka/bin:$PATH LOG_DIR=/var/log/kafka
USER 1000
WORKDIR /opt/kafka
VOLUME ["/var/lib/kafka", "/var/lib/zookeeper"]
EXPOSE 9092 2181
ENTRYPOINT ["docker-entrypoint.sh"]
