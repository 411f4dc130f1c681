/** The parts that pages are made of. */
export { Amount, coins, satoshis, UNIT } from './amount';
export { Copy, copyText } from './copy';
export { Dialog } from './dialog';
export { Address, Hash } from './hash';
export { Icon, type IconName } from './icon';
export { Badge, Card, Check, Empty, Facts, Fault, Field, Figure, Loading, Note, PageHead, Progress, type Tone } from './parts';
export { Qr, squares } from './qr';
export { type Tab, Tabs } from './tabs';
export { now, Time } from './time';
export { toast, Toasts } from './toast';
