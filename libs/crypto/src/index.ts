export { sealBlob, openBlob } from './blob';
export {
  createDataKey,
  HEADER_VERSION,
  openDataKey,
  rewrap,
  type CryptoHeader,
  type DataKey,
  type Place,
} from './envelope';
export { CryptoError, type CryptoFailure, systemErrorCode } from './errors';
export { readKeyFile, removeKeyFile, writeKeyFile } from './key-file';
export {
  generateKey,
  importKey,
  KeyRing,
  type KeyEncryptionKey,
  type KeyRingHolder,
  type OlderForms,
} from './key-ring';
export { deriveContextKey, parseKey, parseKeys } from './key-source';
export { openLegacyValue } from './legacy';
export { checkDocumentMac, documentMac } from './mac';
export { createRootKey } from './root-key';
export { Secret } from './secret';
export { openParsedValue, openValue, type ParsedValue, parseValue, sealValue } from './value';
