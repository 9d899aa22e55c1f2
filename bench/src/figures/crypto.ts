import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { createDataKey, importKey, KeyRing, openDataKey, openValue, sealValue } from '@stigmer/crypto';
import { compare, type Figure, type Load } from '../figure';
import { bareAes } from '../floors/bare-aes';
import { valueOf } from '../samples';

const VALUES = 20;

/** An environment's 20 secrets with its data key; the floor is AES-256-GCM of node:crypto, 21 times. */
export const cryptoOpen: Figure = {
  name: 'crypto.open',
  async run(bench) {
    const { seconds } = bench.config;
    const open = envelope();
    // One more, since the data key is a value to be opened too.
    const bare = bareAes(['k'.repeat(32), ...names().map(valueOf)]);
    const row = await compare(bench, {
      name: 'crypto.open',
      unit: 'values/s',
      measure: () => Promise.resolve(repeat(open, seconds)),
      floor: () => Promise.resolve(repeat(bare, seconds)),
    });
    return [row];
  },
};

function envelope(): () => void {
  const ring = new KeyRing(importKey(randomBytes(32)));
  const place = { kind: 'environment', org: 'acme', id: 'env-bench' };
  const { dataKey, header } = createDataKey(ring, place);
  const sealed = names().map((name) => [name, sealValue(dataKey, name, valueOf(name))] as const);
  return () => {
    const opened = openDataKey(ring, place, header);
    for (const [name, text] of sealed) openValue(opened, name, text).reveal();
  };
}

function names(): readonly string[] {
  return Array.from({ length: VALUES }, (_, index) => `SECRET_${index}`);
}

/** In this process and on one core: there is nothing to wait for. */
function repeat(action: () => void, seconds: number): Load {
  const warm = performance.now() + 200;
  while (performance.now() < warm) action();
  const took: number[] = [];
  const end = performance.now() + seconds * 1_000;
  for (let started = performance.now(); started < end;) {
    action();
    const ended = performance.now();
    took.push(ended - started);
    started = ended;
  }
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.floor(share * took.length)] ?? 0;
  return { rate: (took.length * VALUES) / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}
