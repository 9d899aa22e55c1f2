export { type KeyConfig, keyConfig, keySources } from './sources/key-config';
export type { KeySource } from './sources/key-source';
export type { KeyStoreLocation } from './sources/key-stores';
export { KeyAdministration } from './ring/key-administration';
export type {
  KeyedDocuments,
  LegacyCount,
  RewrapBatch,
  Verification,
  VerificationFailure,
  WritingKeys,
} from './ring/keyed-documents';
export { ManagedKeyRing, type ManagedKeyRingOptions } from './ring/managed-key-ring';
export type { RingStatus } from './ring/ring-status';
