/** Short messages that go away by themselves. What must not be missed is no toast. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';

const SHOWN_FOR = 5000;
const AT_MOST = 4;

interface Toast {
  id: number;
  text: string;
}

const shown = signal<readonly Toast[]>([]);
let last = 0;

/** Shows a message for some seconds; a screen reader reads it out. */
export function toast(text: string): void {
  last += 1;
  const id = last;
  shown.value = [...shown.value.filter((other) => other.text !== text), { id, text }].slice(-AT_MOST);
  setTimeout(() => {
    shown.value = shown.value.filter((other) => other.id !== id);
  }, SHOWN_FOR);
}

/** Where they appear; once in the page. */
export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.value.map((one) => (
        <div class="toast" key={one.id}>
          {one.text}
        </div>
      ))}
    </div>
  );
}
