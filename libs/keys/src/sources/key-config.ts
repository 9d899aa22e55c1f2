import { type KeyEncryptionKey, parseKeys, Secret } from '@stigmer/crypto';
import { ConfigError, type Logger, parsed, type Watched, watched } from '@stigmer/service';
import type { Connection } from 'mongoose';
import { z } from 'zod';
import { AwsKms } from './aws-kms';
import { ConfiguredKeys } from './configured-keys';
import { DirectoryKeys } from './directory-keys';
import type { KeySource } from './key-source';
import { KEY_STORE_FORMS, type KeyStoreLocation, parseKeyStores } from './key-stores';
import type { KeyWrapper } from './key-wrapper';
import { SealedKeys } from './sealed-keys';
import { VaultTransit } from './vault-transit';

/** The rings, as their variables name them. */
export type RingVariable = 'ENVIRONMENT' | 'CONTEXT';

const vaultConfig = {
  STIGMER_VAULT_ADDRESS: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description:
        'Vault or OpenBao, for a key store vault-transit, as in https://vault.example:8200. http:// is for this ' +
        'machine alone.',
    }),
  STIGMER_VAULT_ALLOW_HTTP: z
    .enum(['true', 'false'])
    .default('false')
    .meta({
      description:
        'Whether STIGMER_VAULT_ADDRESS may be http:// to another machine. The token and the keys then cross the network ' +
        'readable.',
    }),
  STIGMER_VAULT_TOKEN: watched((text) => new Secret(text), 'must be a token')
    .optional()
    .meta({
      description: 'The token for Vault or OpenBao; its file is read at each use, as an agent renews it.',
      watched: true,
      fileOnly: true,
    }),
  STIGMER_VAULT_NAMESPACE: z
    .string()
    .optional()
    .meta({ description: 'The namespace of Vault or OpenBao, where it has any.' }),
};

const keysOf = (ring: RingVariable) => ({
  [`STIGMER_${ring}_ENCRYPTION_KEY`]: watched(parseSomeKeys, 'must be base64 of exactly 32 bytes, per key')
    .optional()
    .meta({
      description:
        'A key that wraps data keys: base64 of 32 bytes. May hold several, separated by commas or white space; ' +
        'a file is read again when it changes. Required where no key store is named.',
      watched: true,
      privateFile: true,
    }),
  [`STIGMER_${ring}_ENCRYPTION_KEY_PREVIOUS`]: watched(
    parseKeys,
    'must be base64 of exactly 32 bytes, per key',
  )
    .optional()
    .meta({
      description: 'Further keys, separated by commas or white space; a file is read again when it changes.',
      watched: true,
      privateFile: true,
    }),
});

const storesOf = (ring: RingVariable) => ({
  [`STIGMER_${ring}_KEY_STORE`]: parsed(parseKeyStores, `must be one of ${KEY_STORE_FORMS}`)
    .optional()
    .meta({
      description:
        `Where keys are added: ${KEY_STORE_FORMS}. Of several, separated by white space, ` +
        'the first one takes new keys.',
    }),
});

type KeyShape<R extends RingVariable> = {
  readonly [Name in `STIGMER_${R}_ENCRYPTION_KEY` | `STIGMER_${R}_ENCRYPTION_KEY_PREVIOUS`]: ReturnType<
    typeof keysOf
  >[string];
} & { readonly [Name in `STIGMER_${R}_KEY_STORE`]: ReturnType<typeof storesOf>[string] } & typeof vaultConfig;

/** The variables of a ring's keys, for a service's schema: `serviceConfig.extend({ ...keyConfig('CONTEXT') })`. */
export function keyConfig<R extends RingVariable>(ring: R): KeyShape<R> {
  // A computed name is a string to the compiler; the type says which ones there are.
  return { ...keysOf(ring), ...storesOf(ring), ...vaultConfig } as unknown as KeyShape<R>;
}

/** What `keyConfig` is parsed into. */
export type KeyConfig<R extends RingVariable> = z.infer<z.ZodObject<KeyShape<R>>>;

/** The sources that a ring's configuration names, in their order. Throws `ConfigError` when it names none. */
export function keySources<R extends RingVariable>(
  ring: R,
  config: KeyConfig<R>,
  connection: Connection,
  log: Logger,
): readonly KeySource[] {
  // The compiler cannot look into the generic names; `KeyConfig` says that they are there.
  const settings = config as Readonly<Record<string, unknown>> & VaultSettings;
  const names = [`STIGMER_${ring}_ENCRYPTION_KEY`, `STIGMER_${ring}_ENCRYPTION_KEY_PREVIOUS`];
  const variables = names.flatMap((name) => {
    const keys = settings[name] as Watched<readonly KeyEncryptionKey[]> | undefined;
    return keys === undefined ? [] : { name, keys };
  });
  const store = `STIGMER_${ring}_KEY_STORE`;
  const locations = (settings[store] ?? []) as readonly KeyStoreLocation[];
  if (variables.length + locations.length === 0) {
    throw unusable(`STIGMER_${ring}_ENCRYPTION_KEY`, `is required where ${store} is not set`);
  }
  const stores = locations.map((location) => openStore(location, ring, settings, connection));
  return variables.length === 0 ? stores : [new ConfiguredKeys(variables, log), ...stores];
}

type VaultSettings = z.infer<z.ZodObject<typeof vaultConfig>>;

function openStore(
  location: KeyStoreLocation,
  ring: RingVariable,
  settings: VaultSettings,
  connection: Connection,
): KeySource {
  const sealedBy = (wrapper: KeyWrapper) => new SealedKeys(ring.toLowerCase(), wrapper, connection);
  switch (location.kind) {
    case 'directory':
      return new DirectoryKeys(location.path);
    case 'aws-kms':
      return sealedBy(new AwsKms(location.keyId));
    case 'vault-transit':
      return sealedBy(transit(location, settings));
  }
}

function transit(
  { mount, key }: Extract<KeyStoreLocation, { kind: 'vault-transit' }>,
  {
    STIGMER_VAULT_ADDRESS: address,
    STIGMER_VAULT_ALLOW_HTTP: allowHttp,
    STIGMER_VAULT_TOKEN: token,
    STIGMER_VAULT_NAMESPACE: namespace,
  }: VaultSettings,
): VaultTransit {
  if (address === undefined)
    throw unusable('STIGMER_VAULT_ADDRESS', 'is required for a key store vault-transit');
  if (allowHttp === 'false' && !isPrivate(new URL(address)))
    throw unusable(
      'STIGMER_VAULT_ADDRESS',
      'must be https:// to another machine: the token and the keys would cross the network readable; ' +
        'STIGMER_VAULT_ALLOW_HTTP=true allows it',
    );
  if (token === undefined)
    throw unusable('STIGMER_VAULT_TOKEN_FILE', 'is required for a key store vault-transit');
  return new VaultTransit({ address, namespace, token: () => token.reread().reveal(), mount, key });
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether nobody on the way can read what is sent there: encrypted, or not leaving this machine. */
function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || LOOPBACK.test(hostname);
}

function parseSomeKeys(text: string): readonly KeyEncryptionKey[] {
  const keys = parseKeys(text);
  if (keys.length === 0) throw new ConfigError('holds no key');
  return keys;
}

function unusable(variable: string, problem: string): ConfigError {
  return new ConfigError(`the configuration is not usable\n  ${variable}: ${problem}`);
}
