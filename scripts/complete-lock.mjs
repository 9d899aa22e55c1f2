// Writes into package-lock.json the optional packages that npm left out of it.
//
// A package with native code names one optional dependency per platform. Where the registry at hand lacks some of
// them, `npm install` drops those from the lock without a word, and `npm ci` then refuses the lock as incomplete.
// An optional package that is listed with the platform it is for does no harm: npm skips it on every other one.
// Run it after each `npm install` that changed the lock.
import { readFileSync, writeFileSync } from 'node:fs';

const LOCK = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
];

/** The places where Node would look for a dependency of the package at this path, nearest first. */
function* lookupPaths(path, name) {
  for (
    let folder = path;
    folder !== '';
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))
  ) {
    yield `${folder}/node_modules/${name}`;
  }
  yield `node_modules/${name}`;
}

/** Packages are named for their platform: `@swc/core-darwin-arm64`, `…-linux-arm-gnueabihf`, `…-linux-armv7l`. */
function platformOf(name) {
  const words = name.split(/[-/]/).map((word) => (/^armv\d/.test(word) ? 'arm' : word));
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  return { ...(cpu.length > 0 && { cpu }), ...(os.length > 0 && { os }) };
}

const lock = JSON.parse(readFileSync(LOCK, 'utf8'));
const missing = {};
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if ([...lookupPaths(path, name)].some((place) => place in lock.packages)) continue;
    const { cpu, os } = platformOf(name);
    missing[`node_modules/${name}`] = {
      version: range.replace(/^[~^]/, ''),
      ...(cpu && { cpu }),
      ...(entry.dev && { dev: true }),
      optional: true,
      ...(os && { os }),
    };
  }
}

const packages = { ...lock.packages, ...missing };
lock.packages = Object.fromEntries(
  Object.entries(packages).sort(([left], [right]) => left.localeCompare(right, 'en')),
);
writeFileSync(LOCK, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`${Object.keys(missing).length} packages added to package-lock.json`);
