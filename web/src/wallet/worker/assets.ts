/** What the build puts in: the hashed names of the workers and of the module, and the module's integrity. */
declare const __SIGNER__: string;
declare const __LIGHT__: string;
declare const __SCAN__: string;
declare const __MODULE__: string;
declare const __MODULE_INTEGRITY__: string;

/** The worker that holds the keys; it is served with a policy that gives it no network. */
export const SIGNER: string = __SIGNER__;
/** The worker that talks to the node. */
export const LIGHT: string = __LIGHT__;
/** The worker that looks for QR codes in pictures; it has no network either. */
export const SCAN: string = __SCAN__;
/** The service worker. Its name is the same in every edition: a browser asks for it again by that. */
export const SERVICE = '/sw.js';
/** The wallet's WebAssembly. */
export const MODULE: string = __MODULE__;
/** Its hash: another module than the one that this page was built with does not run. */
export const MODULE_INTEGRITY: string = __MODULE_INTEGRITY__;
