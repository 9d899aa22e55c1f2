import { join } from 'node:path';
import { startMongo, startRedis, startTemporal } from '@stigmer/embedded';
import { logFileOf, type Layout } from './layout';
import type { PartPlan } from './part';

export interface BackingPorts {
  readonly mongodb: number;
  readonly redis: number;
  readonly temporal: number;
  readonly temporalUi: number;
}

/** The addresses under which the services reach the backing servers. */
export interface BackingAddresses {
  readonly mongodb: string;
  readonly redis: string;
  readonly temporal: string;
  readonly temporalUi: string;
}

export function backingAddresses(ports: BackingPorts): BackingAddresses {
  return {
    mongodb: `mongodb://127.0.0.1:${ports.mongodb}/?directConnection=true`,
    redis: `redis://127.0.0.1:${ports.redis}`,
    temporal: `127.0.0.1:${ports.temporal}`,
    temporalUi: `http://127.0.0.1:${ports.temporalUi}`,
  };
}

export function backingPlans(layout: Layout, ports: BackingPorts): readonly PartPlan[] {
  const addresses = backingAddresses(ports);
  const place = (name: string) => ({ dataDir: join(layout.data, name), logFile: logFileOf(layout, name) });
  return [
    {
      name: 'mongodb',
      address: addresses.mongodb,
      start: () => startMongo({ ...place('mongodb'), port: ports.mongodb }),
    },
    {
      name: 'redis',
      address: addresses.redis,
      start: () => startRedis({ ...place('redis'), port: ports.redis }),
    },
    {
      name: 'temporal',
      address: addresses.temporal,
      start: () => startTemporal({ ...place('temporal'), port: ports.temporal, uiPort: ports.temporalUi }),
    },
  ];
}
