import { create, toBinary } from '@bufbuild/protobuf';
import { createDataKey, documentMac, HEADER_VERSION, importKey, KeyRing, sealValue } from '@stigmer/crypto';
import { ListEnvironmentsRequestSchema } from '@stigmer/proto/agentic/environment/v1/io';
import { EnvironmentQueryController } from '@stigmer/proto/agentic/environment/v1/query';
import { ApiResourceIdSchema, ApiResourceReferenceSchema } from '@stigmer/proto/commons/apiresource/io';
import type { Bench } from '../bench';
import { type Figure, type Load, medianLoad, type Row, rowOf } from '../figure';
import type { Step } from '../load';
import { pathOf } from '../raw-call';
import { valueOf } from '../samples';
import { environmentKey, ENVIRONMENTS, environmentService, storedEnvironment } from '../world';

const KEYS = 5;
const SECRETS = 3;
const BATCH = 1_000;
const FEW = 1_000;
/** What a document's MAC is not over: where it lies, its key and its tags. */
const APART: ReadonlySet<string> = new Set(['_id', 'org', 'crypto', 'mac', 'revision_tags']);
/** How many different ones are asked for, of the few as of the many: what differs is what lies around them. */
const ASKED = 1_000;
const PAGE = 50;
/**
 * How many an organization has. The embedded server reads all that matches a query before it cuts a page from it, so a
 * list takes as long as its organization is large; MongoDB does not (docs/performance.md).
 */
const IN_ORG = 1_000;
const FAMILIES = { few: 'few', many: 'many' } as const;

interface Document extends Record<string, unknown> {
  readonly _id: string;
  readonly data: Readonly<Record<string, { readonly value: string; readonly is_secret: boolean }>>;
}

/** Reads among a thousand environments and among a million; the floor of the million is the thousand. */
export const million: Figure = {
  name: 'million',
  slow: true,
  async run(bench) {
    await generate(bench, FAMILIES.few, FEW);
    await settle(bench, await stepsOf(bench, FAMILIES.few, FEW));
    const few = await measureAll(bench, FAMILIES.few, FEW);
    const total = bench.config.environments;
    await generate(bench, FAMILIES.many, total);
    await settle(bench, await stepsOf(bench, FAMILIES.many, total));
    const many = await measureAll(bench, FAMILIES.many, total);
    return Object.entries(few).flatMap(([name, load]): readonly Row[] => {
      const among = many[name as keyof typeof few];
      return [
        rowOf(`environment.${name}.thousand`, 'calls/s', load),
        rowOf(`environment.${name}.million`, 'calls/s', among, load.rate),
      ];
    });
  },
};

type Reads = Readonly<Record<'get' | 'getByReference' | 'list', Step>>;

async function stepsOf(bench: Bench, family: string, total: number): Promise<Reads> {
  const { address } = await environmentService(bench);
  const metadata = await bench.identify('gateway', 'environment-service');
  const spread = Array.from({ length: ASKED }, (_, index) => Math.floor((index * total) / ASKED));
  const { get, getByReference, list } = EnvironmentQueryController.method;
  const call = (method: Parameters<typeof pathOf>[0], messages: readonly Uint8Array[]): Step => {
    return { address, metadata, path: pathOf(method), messages };
  };
  return {
    get: call(
      get,
      spread.map((number) =>
        toBinary(ApiResourceIdSchema, create(ApiResourceIdSchema, { value: idOf(family, number) })),
      ),
    ),
    getByReference: call(
      getByReference,
      spread.map((number) =>
        toBinary(
          ApiResourceReferenceSchema,
          create(ApiResourceReferenceSchema, { org: orgOf(family, number), slug: slugOf(number) }),
        ),
      ),
    ),
    list: call(
      list,
      spread.map((number) =>
        toBinary(
          ListEnvironmentsRequestSchema,
          create(ListEnvironmentsRequestSchema, {
            org: orgOf(family, number),
            pageSize: PAGE,
          }),
        ),
      ),
    ),
  };
}

/** Once each before the clock runs, so that a cache is as warm for the many as for the few. */
async function settle(bench: Bench, reads: Reads): Promise<void> {
  for (const step of Object.values(reads)) await bench.load([step]);
}

async function measureAll(bench: Bench, family: string, total: number): Promise<Record<keyof Reads, Load>> {
  const measure = async (name: keyof Reads): Promise<Load> => {
    const loads: Load[] = [];
    for (let run = 0; run < bench.config.runs; run++) {
      const reads = await stepsOf(bench, family, total);
      loads.push(await bench.load([reads[name]]));
    }
    return medianLoad(loads);
  };
  return {
    get: await measure('get'),
    getByReference: await measure('getByReference'),
    list: await measure('list'),
  };
}

/** Environments sealed as the service seals them, made from one that it stored; written in batches past the service. */
async function generate(bench: Bench, family: string, total: number): Promise<void> {
  const template = await templateDocument(bench);
  const ring = new KeyRing(importKey(Buffer.from(await environmentKey(bench))));
  const collection = (await bench.database(ENVIRONMENTS.database)).collection<Document>(
    ENVIRONMENTS.collection,
  );
  for (let first = 0; first < total; first += BATCH) {
    const size = Math.min(BATCH, total - first);
    const batch = Array.from({ length: size }, (_, index) => sealed(ring, template, family, first + index));
    await collection.insertMany(batch, { ordered: false });
    if (first % 100_000 === 0) process.stderr.write(`  ${first} of ${total} environments are written\n`);
  }
}

async function templateDocument(bench: Bench): Promise<Document> {
  const id = await storedEnvironment(bench, 'template', KEYS, SECRETS);
  const database = await bench.database(ENVIRONMENTS.database);
  const document = await database.collection<Document>(ENVIRONMENTS.collection).findOne({ _id: id });
  if (document === null) throw new Error('the environment was not stored');
  return document;
}

function sealed(ring: KeyRing, template: Document, family: string, number: number): Document {
  const id = idOf(family, number);
  const org = orgOf(family, number);
  const place = { kind: 'environment', org, id };
  const { dataKey, header } = createDataKey(ring, place, [], HEADER_VERSION.withMac);
  const data = Object.entries(template.data).map(([name, variable]) => {
    const value = variable.is_secret ? sealValue(dataKey, name, valueOf(id)) : variable.value;
    return [name, { ...variable, value }] as const;
  });
  const facts = {
    ...Object.fromEntries(Object.entries(template).filter(([field]) => !APART.has(field))),
    lineage: id,
    slug: slugOf(number),
    name: slugOf(number),
    version: { ...(template['version'] as object), id: `ver-${id}` },
    data: Object.fromEntries(data),
  };
  return { ...facts, _id: id, org, revision_tags: {}, crypto: header, mac: documentMac(dataKey, facts) };
}

function orgOf(family: string, number: number): string {
  return `${family}-${Math.floor(number / IN_ORG)}`;
}

function idOf(family: string, number: number): string {
  return `env-${family}-${String(number).padStart(8, '0')}`;
}

function slugOf(number: number): string {
  return `env-${String(number).padStart(8, '0')}`;
}
