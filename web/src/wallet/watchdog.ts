/** Locks the wallet when nobody is there: after minutes without a touch in any tab, and after the machine slept. */
import { announce, onOther } from './channel';
import { lock, notice, session, settingsOf } from './session';
import { t } from '../text';

const LOOK_EVERY = 1000;
const TELL_EVERY = 10_000;
/** A clock that jumps by more than this between two looks was asleep; a hidden tab is looked after once a minute. */
const ASLEEP = 150_000;

let last = Date.now();
let told = 0;
let looked = Date.now();

function touched(): void {
  const now = Date.now();
  // Waking up is not being there: what happened in between is judged first.
  look();
  last = now;
  if (now - told > TELL_EVERY) {
    told = now;
    announce({ active: now });
  }
}

function look(): void {
  const now = Date.now();
  const slept = now - looked > ASLEEP;
  looked = now;
  const open = session.peek();
  if (!open || open.stored.kind === 'watch') return;
  const limit = settingsOf(open.stored).lock_minutes * 60_000;
  if (slept || now - last >= limit) {
    notice.value = t(slept ? 'wallet.locked.sleep' : 'wallet.locked.idle');
    void lock({ others: slept });
  }
}

/** Begins to look after it; once. */
export function keepWatch(): void {
  for (const name of ['pointerdown', 'keydown', 'wheel', 'touchstart'] as const) {
    globalThis.addEventListener(name, touched, { passive: true, capture: true });
  }
  onOther((said) => {
    if ('active' in said) last = Math.max(last, Math.min(said.active, Date.now()));
  });
  // Opening a wallet is being there.
  session.subscribe(() => {
    last = Date.now();
    looked = last;
  });
  setInterval(look, LOOK_EVERY);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) look();
  });
  // A page that is put aside keeps its workers: nobody would lock it there.
  globalThis.addEventListener('pagehide', () => void lock({ others: false }));
}
