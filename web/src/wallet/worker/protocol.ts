/** The methods of the two services: the same types as in the package for npm. */
export type * from '../../../../wallet-wasm/npm/protocol';
