#!/usr/bin/env bash
# Installs the npm packages exactly as package-lock.json has them, on the Node 24 of tools/node.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "setup: installing the npm packages (a minute the first time)"
# npm looks for the global npmrc beside the Node it runs on, which is ours by now; the machine's own may name a proxy
# or certificates.
machine_path=${PATH#"$PWD/tools/node/node_modules/.bin:"}
NPM_CONFIG_GLOBALCONFIG=$(PATH=$machine_path npm config get globalconfig --loglevel=error) \
  npm ci --no-audit --no-fund --loglevel=error || {
  echo "setup: npm could not install the packages; its message is above (is the registry reachable?)" >&2
  exit 1
}
