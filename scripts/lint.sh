#!/usr/bin/env bash
# Without a cached project graph the rule on module boundaries is skipped in silence: so the graph is made first.
set -euo pipefail
cd "$(dirname "$0")/.."

nx show projects >/dev/null
eslint . --max-warnings 0
prettier --check --log-level warn .
