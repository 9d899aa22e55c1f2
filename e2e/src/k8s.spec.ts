import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVICE_FLAGS, SERVICE_VARIABLES } from '@stigmer/embedded';
import { Identity, SERVICE_NAMES, TrustedIdentities } from '@stigmer/service';
import { parse, parseAllDocuments } from 'yaml';
import { type Service, services, variablesOf } from './configuration';
import { repository } from './stigmer';

const base = join(repository, 'k8s/base');

/** As much of a manifest as is checked. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: unknown;
}

interface Container {
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: unknown; readonly valueFrom?: unknown }[];
  readonly resources: { readonly requests?: object; readonly limits?: object };
  readonly securityContext?: object;
  readonly readinessProbe?: object;
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

interface Pod {
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: object;
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}

interface NetworkPolicy {
  readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly ingress?: readonly { readonly from: readonly NetworkPolicy[] }[];
}

const SECRETS = '/run/secrets/stigmer/';

describe('the manifests of k8s/base', () => {
  let manifests: readonly Manifest[];
  let listed: readonly string[];
  let files: readonly string[];

  beforeAll(async () => {
    const kustomization = await readFile(join(base, 'kustomization.yaml'), 'utf8');
    listed = (parse(kustomization) as { resources: string[] }).resources;
    files = (await readdir(base)).filter((name) => name !== 'kustomization.yaml');
    const texts = await Promise.all(listed.map((name) => readFile(join(base, name), 'utf8')));
    manifests = texts.flatMap(parseManifests);
  });

  const named = (kind: string, name: string): Manifest => {
    const found = manifests.filter((manifest) => manifest.kind === kind && manifest.metadata.name === name);
    expect(found).toHaveLength(1);
    return found[0] as Manifest;
  };
  const podOf = (service: Service): Pod =>
    (named('Deployment', service).spec as { template: { spec: Pod } }).template.spec;
  const containerOf = (service: Service): Container => {
    const [container, ...others] = podOf(service).containers;
    expect(others).toEqual([]);
    return container as Container;
  };

  it('are the files that the kustomization names, each once', () => {
    expect([...listed].sort()).toEqual([...files].sort());
  });

  it('deploy every service and nothing else', () => {
    const deployed = manifests
      .filter(({ kind }) => kind === 'Deployment')
      .map(({ metadata }) => metadata.name);
    expect(deployed.sort()).toEqual([...services].sort());
  });

  it('hold no secret', () => {
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  describe.each(services)('%s', (service) => {
    it('runs as an ordinary user, on a read-only root, without capabilities or a service account', () => {
      const { automountServiceAccountToken, securityContext } = podOf(service);
      expect(automountServiceAccountToken).toBe(false);
      expect(securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(containerOf(service).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    });

    it('runs the image of this version', async () => {
      const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
        version: string;
      };
      expect(containerOf(service).image).toBe(`stigmer/${service}:${version}`);
    });

    it('says when it is ready and what it needs', () => {
      const { readinessProbe, resources } = containerOf(service);
      expect(readinessProbe).toBeDefined();
      expect(resources).toMatchObject({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
    });

    it('is given every variable it requires and none it does not know', async () => {
      const variables = await variablesOf(service);
      const given = containerOf(service).env.map(({ name }) => name);
      const accepted = variables.flatMap(({ name, fileOnly }) => [
        ...(fileOnly ? [] : [name]),
        `${name}_FILE`,
      ]);
      expect(given.filter((name) => !accepted.includes(name))).toEqual([]);
      const missing = variables
        .filter(({ required }) => required)
        .filter(({ name }) => !given.includes(name) && !given.includes(`${name}_FILE`));
      expect(missing).toEqual([]);
    });

    it('has its secrets from files of its own Secret, which k8s/README.md tells to make', async () => {
      const { env, volumeMounts } = containerOf(service);
      const mount = volumeMounts.find(({ mountPath }) => `${mountPath}/` === SECRETS);
      expect(mount).toMatchObject({ readOnly: true });
      const volume = podOf(service).volumes.find(({ name }) => name === mount?.name);
      expect(volume?.secret?.secretName).toBe(service);
      const readme = await readFile(join(repository, 'k8s/README.md'), 'utf8');
      const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${service}\``));
      const keys = env.map(({ value }) => String(value)).filter((value) => value.startsWith(SECRETS));
      expect(keys).not.toHaveLength(0);
      expect(keys.filter((path) => !row?.includes(`\`${path.slice(SECRETS.length)}\``))).toEqual([]);
    });

    it('has no URL that may carry a password in its environment, and no value from elsewhere', () => {
      const { env } = containerOf(service);
      expect(env.filter(({ value }) => typeof value !== 'string' || value.includes('://'))).toEqual([]);
    });

    it('reads files and writes folders that are mounted', () => {
      const { env, volumeMounts } = containerOf(service);
      const paths = env.map(({ value }) => String(value)).filter((value) => value.startsWith('/'));
      const unmounted = paths.filter(
        (path) => !volumeMounts.some(({ mountPath }) => `${path}/`.startsWith(`${mountPath}/`)),
      );
      expect(unmounted).toEqual([]);
    });

    it('may be called by the services that are told its address, and by no other', () => {
      const callers = services.filter((caller) =>
        containerOf(caller).env.some(({ value }) => value === `${service}:7234`),
      );
      const policies = manifests
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .map(({ spec }) => spec as NetworkPolicy)
        .filter(({ podSelector }) => podSelector.matchLabels['app.kubernetes.io/name'] === service);
      const admitted = policies
        .flatMap(({ ingress = [] }) => ingress.flatMap(({ from }) => from))
        .map(({ podSelector }) => podSelector.matchLabels['app.kubernetes.io/name']);
      expect(admitted.sort()).toEqual([...callers].sort());
    });
  });

  it('let nobody in who is not named', () => {
    expect(named('NetworkPolicy', 'default-deny').spec).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'stigmer' } },
      policyTypes: ['Ingress'],
    });
  });
});

describe('docker/Dockerfile', () => {
  it('builds and runs on the major version of Node that the repository pins', async () => {
    const dockerfile = await readFile(join(repository, 'docker/Dockerfile'), 'utf8');
    const pinned = await readFile(join(repository, '.nvmrc'), 'utf8');
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    const major = pinned.trim().split('.')[0] ?? '';
    expect(bases).toEqual([`node:${major}-bookworm-slim`, `node:${major}-bookworm-slim`]);
  });

  it('runs a service as `stigmer server start` does', async () => {
    const dockerfile = await readFile(join(repository, 'docker/Dockerfile'), 'utf8');
    const [, entrypoint = '[]'] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? [];
    const [, variables = ''] = /^ENV (.*)$/m.exec(dockerfile) ?? [];
    expect(JSON.parse(entrypoint)).toEqual([
      'node',
      ...SERVICE_FLAGS,
      '--enable-source-maps',
      '/app/main.js',
    ]);
    expect(variables.split(' ')).toEqual(
      Object.entries(SERVICE_VARIABLES).map(([name, value]) => `${name}=${value}`),
    );
  });
});

describe('scripts/identities.mjs', () => {
  it('makes an identity for every service, which the others trust', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stigmer-identities-'));
    try {
      execFileSync(process.execPath, [join(repository, 'scripts/identities.mjs'), folder]);
      const trusted = TrustedIdentities.fromJwks(await readFile(join(folder, 'identities.jwks'), 'utf8'));
      for (const name of SERVICE_NAMES) {
        const identity = Identity.fromJwk(await readFile(join(folder, `${name}.jwk`), 'utf8'));
        expect(await trusted.verify(await identity.token('gateway'), 'gateway')).toBe(name);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** Fails on a syntax error, which the parser of a whole stream would else only note. */
function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS() as Manifest;
  });
}
