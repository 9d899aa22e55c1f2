export { sealBlob, openBlob } from './blob';
export { createDataKey, openDataKey, rewrap, type CryptoHeader, type DataKey, type Place } from './envelope';
export { CryptoError, type CryptoFailure } from './errors';
export { importKey, KeyRing, type KeyEncryptionKey, type KeyRingHolder } from './key-ring';
export { deriveContextKey, parseKey, parseKeys } from './key-source';
export { openLegacyValue } from './legacy';
export { createRootKey, readRootKey } from './root-key';
export { Secret } from './secret';
export { openValue, sealValue } from './value';
