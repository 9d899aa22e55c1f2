export type { KeySource } from './sources/key-source';
