/** Colours: light, dark, or as the system has it; and the colour of the network. */
import { effect, signal } from '@preact/signals';
import { node } from './node/tip';

export type Theme = 'system' | 'light' | 'dark';
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
const KEY = 'cc.theme';
const KNOWN = ['main', 'testnet4', 'signet', 'regtest', 'chaincore'];

function kept(): Theme {
  const found = THEMES.find((theme) => theme === localStorage.getItem(KEY));
  return found ?? 'system';
}

export const theme = signal<Theme>(kept());

/** The next of light, dark and as the system has it. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system';
}

/** Keeps the page in step with both. */
export function dress(): void {
  effect(() => {
    const root = document.documentElement;
    if (theme.value === 'system') delete root.dataset['theme'];
    else root.dataset['theme'] = theme.value;
    localStorage.setItem(KEY, theme.value);
  });
  effect(() => {
    const chain = node.value?.chain;
    if (chain !== undefined) document.documentElement.dataset['network'] = KNOWN.includes(chain) ? chain : 'custom';
  });
}
