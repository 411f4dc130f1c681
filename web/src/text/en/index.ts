/** The English table. */
import { explorer } from './explorer';
import { node } from './node';
import { shell } from './shell';
import { wallet } from './wallet';

export const english = { ...shell, ...explorer, ...wallet, ...node } as const;
