"""A wallet without keys: its outputs are OP_TRUE, in a taproot leaf or bare, so spending needs no signature."""

from decimal import Decimal

from objects import COIN, Block, Transaction, TxIn, TxOut
from script import ANYONE_ADDRESS, ANYONE_SCRIPT, ANYONE_WITNESS, RAW_TRUE

MATURITY = 100
DEFAULT_RATE = 300


class Coin:
    """An output that the wallet can spend."""

    def __init__(self, txid, index, value, height=None, is_coinbase=False):
        self.txid = txid
        self.index = index
        self.value = value
        self.height = height
        self.is_coinbase = is_coinbase

    def __repr__(self):
        return f"Coin({self.txid}:{self.index}, {self.value})"


class Payment:
    """A transaction of the wallet: `tx`, its `fee` and the `coins` it leaves the wallet."""

    def __init__(self, tx, fee, coins):
        self.tx = tx
        self.fee = fee
        self.coins = coins
        self.coin = coins[0] if coins else None

    txid = property(lambda self: self.tx.txid)
    wtxid = property(lambda self: self.tx.wtxid)
    hex = property(lambda self: self.tx.hex)
    vsize = property(lambda self: self.tx.vsize)


def btc(satoshis):
    """Satoshis as RPC shows an amount."""
    return Decimal(satoshis) / COIN


class Wallet:
    """Coins of one node's chain. `scan` finds them; what the wallet sends it keeps track of itself."""

    def __init__(self, node, raw=False):
        self.node = node
        self.script = RAW_TRUE if raw else ANYONE_SCRIPT
        self.witness = [] if raw else ANYONE_WITNESS
        self.raw = raw
        self.coins = []
        self.scan()

    def scan(self):
        """Reads the whole chain of the node and takes stock anew."""
        height = self.node.getblockcount()
        hashes = self.node.batch([("getblockhash", (at,)) for at in range(1, height + 1)])
        blocks = self.node.batch([("getblock", (text, 0)) for text in hashes])
        coins = {}
        for at, text in enumerate(blocks, 1):
            for place, tx in enumerate(Block.from_hex(text).transactions):
                for spent in tx.inputs:
                    coins.pop((spent.txid, spent.index), None)
                txid = tx.txid
                for index, out in enumerate(tx.outputs):
                    if out.script == self.script:
                        coins[txid, index] = Coin(txid, index, out.value, at, place == 0)
        self.coins = list(coins.values())

    def mine(self, count=1):
        """Blocks that pay the wallet."""
        if self.raw:
            plain = f"raw({self.script.hex()})"
            text = self.node.getdescriptorinfo(plain)["descriptor"]
            hashes = self.node.generatetodescriptor(count, text)
        else:
            hashes = self.node.generatetoaddress(count, ANYONE_ADDRESS)
        for block_hash in hashes:
            block = Block.from_hex(self.node.getblock(block_hash, 0))
            height = self.node.getblockheader(block_hash)["height"]
            first = block.transactions[0]
            self.coins += [
                Coin(first.txid, index, out.value, height, True)
                for index, out in enumerate(first.outputs)
                if out.script == self.script and out.value
            ]
        return hashes

    def take(self, at_least=0):
        """The oldest spendable coin of at least so much, taken out of the wallet."""
        height = self.node.getblockcount()
        for coin in self.coins:
            ripe = not coin.is_coinbase or height + 1 - coin.height >= MATURITY
            if ripe and coin.value >= at_least:
                self.coins.remove(coin)
                return coin
        raise AssertionError(f"no spendable coin of {at_least} satoshis")

    def create(self, coins=None, *, fee=None, rate=DEFAULT_RATE, outputs=1, padding=0, version=2, locktime=0,
               sequence=0xFFFFFFFD, extra_outputs=()):
        """A payment to itself that is not sent.

        `rate` is in satoshis per thousand virtual bytes; `padding` bytes of data make it larger; `extra_outputs`
        come after those of the wallet and are paid by it.
        """
        if coins is None:
            coins = [self.take()]
        elif isinstance(coins, Coin):
            coins = [coins]
        inputs = [TxIn(coin.txid, coin.index, sequence=sequence, witness=self.witness) for coin in coins]
        outs = [TxOut(0, self.script) for _ in range(outputs)] + list(extra_outputs)
        if padding:
            outs.append(TxOut(0, b"\x6a" + bytes([0x51]) * padding))
        tx = Transaction(inputs, outs, version, locktime)
        if fee is None:
            fee = (tx.vsize * rate + 999) // 1000
        left = sum(coin.value for coin in coins) - fee - sum(out.value for out in extra_outputs)
        if outputs:
            share = left // outputs
            for out in outs[:outputs]:
                out.value = share
            outs[0].value += left - share * outputs
        tx.outputs = outs
        txid = tx.txid
        return Payment(tx, fee, [Coin(txid, index, out.value) for index, out in enumerate(outs[:outputs])])

    def send(self, coins=None, **how):
        """A payment to itself, handed to the node. What it leaves goes into the wallet."""
        payment = self.create(coins, **how)
        self.hand_in(payment)
        return payment

    def hand_in(self, payment):
        txid = self.node.sendrawtransaction(hexstring=payment.hex, maxfeerate=0)
        if txid != payment.txid:
            raise AssertionError(f"sent {payment.txid}, the node says {txid}")
        self.coins += payment.coins

    def chain(self, count, coin=None, **how):
        """So many payments, each of the one before, handed in."""
        payments = []
        for _ in range(count):
            payments.append(self.send(coin, **how))
            coin = payments[-1].coin
            self.coins.remove(coin)
        return payments
