/** How many coins there are by the rules: what all blocks up to a height may have paid to their miners. */
/** Halvings after which nothing is left, as in the rules. */
const LAST_HALVING = 64;

/**
 * The coins issued by the blocks 1 to `height`, in satoshis. The genesis block's cannot be spent and do not count.
 * `nextSubsidy` is that of the block `height + 1`; from it the first one is known, halvings that rounded aside.
 */
export function issued(height: number, nextSubsidy: number, halvingInterval: number): number {
  if (height < 1) return 0;
  const subsidyAt = subsidies(height, nextSubsidy, halvingInterval);
  let sum = 0;
  let at = 1;
  while (at <= height) {
    const era = halvingInterval > 0 ? Math.floor(at / halvingInterval) : 0;
    const end = halvingInterval > 0 ? Math.min(height, (era + 1) * halvingInterval - 1) : height;
    sum += subsidyAt(era) * (end - at + 1);
    at = end + 1;
    if (era >= LAST_HALVING) break;
  }
  return sum;
}

function subsidies(height: number, nextSubsidy: number, halvingInterval: number): (era: number) => number {
  const era = halvingInterval > 0 ? Math.floor((height + 1) / halvingInterval) : 0;
  const first = nextSubsidy * 2 ** era;
  return (wanted) => (wanted >= LAST_HALVING ? 0 : Math.floor(first / 2 ** wanted));
}
