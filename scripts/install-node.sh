#!/usr/bin/env bash
# Brings Node 24 into tools/node, so that npm, its scripts and our recipes all run on it whatever the machine has.
# It comes as an npm package that is only a binary: in the lockfile with its hash, and without an install script.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $*" >&2
  exit 1
}

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64 | Linux-aarch64 | Darwin-x86_64 | Darwin-arm64) ;;
  *) fail "$(uname -s) on $(uname -m) is not supported: use Linux or macOS on x86-64 or ARM64, or docker/compose.yaml" ;;
esac
command -v npm >/dev/null ||
  fail "npm was not found: install any Node.js from version 18 on (https://nodejs.org), it brings npm"

echo "setup: installing Node 24 into tools/node"
# Not `npm --prefix`: that would also change which global npmrc is read, and lose a machine's proxy or certificates.
(cd tools/node && npm ci --no-audit --no-fund --loglevel=error) ||
  fail "Node 24 could not be installed; npm's message is above (is the registry reachable?)"

# The package is optional, since not every platform has one: there (macOS) the machine's own Node must be the right one.
# npm skips an optional package it cannot download, too, and says nothing.
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major === 24 && minor >= 9 ? 0 : 1)' ||
  fail "Node $(node -p process.versions.node) runs here, but Node 24 (24.9 or later) is needed. On Linux npm should have fetched it: \`cd tools/node && npm ci --loglevel=http\` shows why it did not. Elsewhere install it from https://nodejs.org"
