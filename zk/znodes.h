// SPDX-License-Identifier: Apache-2.0
// Reads and writes of znodes that wait for their answer (see zk/session.h for what that means) and Kafka's conditional
// writes. Paths are below the chroot (zk/paths.h); data formats are in zk/formats.h. Any of them may also return
// ZK_SESSION_EXPIRED, ZK_CLOSED, ZK_NO_AUTH or ZK_FAILED. Outputs are untouched unless ZK_OK is returned and may be
// NULL where that makes sense.
#ifndef ZK_ZNODES_H
#define ZK_ZNODES_H

#include "zk/session.h"

#define ZK_MUST_CHECK __attribute__((warn_unused_result))

// What one get gave; data is in the arena, null for a znode without data.
struct zk_data {
    enum zk_result result;
    struct view data;
    struct zk_stat stat;
};

struct zk_names {
    const char **names; // in the server's order (no order to rely on), in the arena
    size_t count;
};

// ZK_NO_NODE when it does not exist (and a node watch then waits for its creation).
enum zk_result zk_exists(struct zk_session *session, const char *path, struct zk_stat *stat) ZK_MUST_CHECK;
enum zk_result zk_get(struct zk_session *session, struct arena *arena, const char *path, struct view *data,
                      struct zk_stat *stat) ZK_MUST_CHECK;
enum zk_result zk_children(struct zk_session *session, struct arena *arena, const char *path,
                           struct zk_names *children) ZK_MUST_CHECK;

// Pipelined: results[i] belongs to paths[i] and says OK, NO_NODE or NO_AUTH by itself. ZK_OK when all were answered.
enum zk_result zk_get_many(struct zk_session *session, struct arena *arena, const char *const *paths, size_t count,
                           struct zk_data *results) ZK_MUST_CHECK;

// ZK_NODE_EXISTS, or ZK_NO_NODE when the parent is missing.
enum zk_result zk_create(struct zk_session *session, const char *path, struct view data,
                         enum zk_create_mode mode) ZK_MUST_CHECK;

// Creates missing parents with null data: first the leaf alone, after ZK_NO_NODE from the top. ZK_NODE_EXISTS when the
// leaf exists.
enum zk_result zk_create_recursive(struct zk_session *session, const char *path, struct view data) ZK_MUST_CHECK;

// PERSISTENT_SEQUENTIAL: ZooKeeper appends ten digits to the prefix; *path, in the arena, is the result.
enum zk_result zk_create_sequential(struct zk_session *session, struct arena *arena, const char *prefix,
                                    struct view data, const char **path) ZK_MUST_CHECK;

// ZK_BAD_VERSION unless version is the data's version or ZK_ANY_VERSION; ZK_NO_NODE.
enum zk_result zk_set(struct zk_session *session, const char *path, struct view data, int32_t version,
                      struct zk_stat *stat) ZK_MUST_CHECK;
enum zk_result zk_delete(struct zk_session *session, const char *path, int32_t version) ZK_MUST_CHECK;

// Deletes children first, in the server's order. ZK_OK also when nothing was there.
enum zk_result zk_delete_recursive(struct zk_session *session, const char *path) ZK_MUST_CHECK;

// One write of a controller: ops of kind CREATE (persistent), SET_DATA or DELETE, each sent as a multi behind a check
// of /controller_epoch's data version (not the epoch number), pipelined in order. Returns ZK_FENCED when the check of
// any failed: another controller has taken over, resign. ZK_OK otherwise; then each op has its own result (OK, NO_NODE,
// NODE_EXISTS, BAD_VERSION, NOT_EMPTY …) and a SET_DATA its new version in stat.
enum zk_result zk_write_fenced(struct zk_session *session, int32_t controller_epoch_version, struct zk_op *ops,
                               size_t count) ZK_MUST_CHECK;

// zk_delete_recursive, every delete fenced.
enum zk_result zk_delete_recursive_fenced(struct zk_session *session, int32_t controller_epoch_version,
                                          const char *path) ZK_MUST_CHECK;

// Writes a configuration entity's znode as Kafka's brokers do: multi of a check of /controller (ZK_FENCED when there is
// no controller: retry later) and the write of any version; a missing znode is created, recursively and without check.
enum zk_result zk_write_config(struct zk_session *session, const char *path, struct view data) ZK_MUST_CHECK;

// The 2.8 tools' way: no check of /controller.
enum zk_result zk_write_config_unchecked(struct zk_session *session, const char *path, struct view data) ZK_MUST_CHECK;

// Creates /config/changes if missing, then the notification. entity_path: "topics/t1", "brokers/<default>" …
enum zk_result zk_notify_config_change(struct zk_session *session, const char *entity_path) ZK_MUST_CHECK;

// Creates the 14 persistent znodes of every start, in Kafka's order.
enum zk_result zk_create_fixed_paths(struct zk_session *session) ZK_MUST_CHECK;

// The cluster's id, made up and written when there is none. id: UUID_STRING_SIZE bytes or more.
enum zk_result zk_cluster_id_get_or_create(struct zk_session *session, char *id, size_t size) ZK_MUST_CHECK;

// ZK_NO_NODE when the cluster has none yet.
enum zk_result zk_cluster_id_get(struct zk_session *session, char *id, size_t size) ZK_MUST_CHECK;

// A generated broker id: the data version of /brokers/seqid after writing it, plus reserved_broker_max_id.
enum zk_result zk_generate_broker_id(struct zk_session *session, int32_t reserved_broker_max_id,
                                     int32_t *broker_id) ZK_MUST_CHECK;

#endif
