#!/usr/bin/env bash
# Compiles all packages in the order of their references, then what a package bundles from its compiled code.
set -euo pipefail
cd "$(dirname "$0")/.."

tsc -b
npm run --silent bundle --workspaces --if-present
