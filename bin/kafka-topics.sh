#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the program kafka-topics; --help shows its options.
set -euo pipefail
# shellcheck source=bin/barnabas-common.sh
. "$(dirname "$(readlink -f "$0")")/barnabas-common.sh"
program_exec kafka-topics tools "$@"
