#!/usr/bin/env node
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`stigmer needs Node 24 or later; this is ${process.version}\n`);
  process.exit(1);
}
require('../dist/main.js');
