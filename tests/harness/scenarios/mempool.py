"""Unconfirmed transactions: what is taken, kept, replaced and dropped."""

from objects import Transaction, TxIn, TxOut
from scenario import MockClock, equal, has, refused, scenario
from script import OP_RETURN, OP_TRUE, SINK_SCRIPT, push, script
from wallet import btc


@scenario()
def chains_of_transactions(stage):
    """Transactions that hang together are known as such, up to the limit of a cluster."""
    node = stage.node
    wallet = stage.wallet()
    chain = wallet.chain(64)
    pool = node.getrawmempool(verbose=True)
    equal(len(pool), 64)
    for at, payment in enumerate(chain):
        entry = pool[payment.txid]
        equal((entry["ancestorcount"], entry["descendantcount"]), (at + 1, 64 - at))
        equal((entry["vsize"], entry["fees"]["base"]), (payment.vsize, btc(payment.fee)))
        equal(entry["depends"], [chain[at - 1].txid] if at else [])
    last = chain[-1]
    equal(set(node.getmempoolancestors(last.txid)), {payment.txid for payment in chain[:-1]})
    equal(set(node.getmempooldescendants(chain[0].txid)), {payment.txid for payment in chain[1:]})
    more = wallet.create(last.coin)
    verdict = node.testmempoolaccept([more.hex])[0]
    equal((verdict["allowed"], verdict["reject-reason"]), (False, "too-large-cluster"))
    refused(-26, "too-large-cluster", node.sendrawtransaction, more.hex)
    refused(-5, "Transaction not in mempool", node.getmempoolentry, "00" * 32)
    info = node.getmempoolinfo()
    equal((info["size"], info["loaded"]), (64, True))
    equal(info["bytes"], sum(payment.vsize for payment in chain))
    equal(info["total_fee"], btc(sum(payment.fee for payment in chain)))
    node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    equal(node.getrawmempool(), [])
    wallet.hand_in(more)
    equal(node.getmempoolentry(more.txid)["ancestorcount"], 1)


@scenario()
def replacement(stage):
    """A replacement must pay more than all that it replaces, and for its own relay."""
    node = stage.node
    wallet = stage.wallet()
    coin, other = wallet.take(), wallet.take()
    first = wallet.send(coin, fee=1000)
    child = wallet.send(first.coin, fee=3000)
    for fee, reason in ((900, "insufficient fee"), (4000, "insufficient fee"), (4005, "insufficient fee")):
        refused(-26, reason, node.sendrawtransaction, wallet.create(coin, fee=fee).hex)
    better = wallet.create(coin, fee=4200)
    verdict = node.testmempoolaccept([better.hex])[0]
    equal((verdict["allowed"], verdict["fees"]["base"]), (True, btc(4200)))
    node.sendrawtransaction(better.hex)
    equal(node.getrawmempool(), [better.txid])
    refused(-5, "Transaction not in mempool", node.getmempoolentry, child.txid)
    # Final sequence numbers do not protect.
    wallet.send(other, fee=1000, sequence=0xFFFFFFFF)
    node.sendrawtransaction(wallet.create(other, fee=2000).hex)
    equal(len(node.getrawmempool()), 2)
    # What spends an output of what it replaces cannot be.
    mixed = wallet.create([coin, better.coin], fee=90_000)
    refused(-26, "bad-txns-spends-conflicting-tx", node.sendrawtransaction, mixed.hex)


@scenario(args=["-maxmempool=5"])
def eviction(stage):
    """A full mempool drops what pays least and then asks for more."""
    node = stage.node
    wallet = stage.wallet()
    equal(node.getmempoolinfo()["mempoolminfee"], node.getmempoolinfo()["minrelaytxfee"])
    fan = wallet.send(outputs=60, rate=100_000)
    wallet.mine()
    coins = fan.coins
    cheap = wallet.create(coins[0], rate=200, padding=70_000)
    node.sendrawtransaction(cheap.hex, 0)
    for at, coin in enumerate(coins[1:]):
        node.sendrawtransaction(wallet.create(coin, rate=1000 + 500 * at, padding=90_000).hex, 0)
        if cheap.txid not in node.getrawmempool():
            break
    assert cheap.txid not in node.getrawmempool()
    info = node.getmempoolinfo()
    assert info["mempoolminfee"] > info["minrelaytxfee"]
    assert info["usage"] <= info["maxmempool"]
    refused(-26, "mempool min fee not met", node.sendrawtransaction, cheap.hex)
    equal(node.testmempoolaccept([cheap.hex])[0]["reject-reason"], "mempool min fee not met")


@scenario()
def expiry(stage):
    """What waits too long is dropped, with what spends it."""
    node = stage.node
    wallet = stage.wallet()
    clock = MockClock(node)
    parent = wallet.send()
    clock.move(10 * 3600)
    child = wallet.send(parent.coin)
    clock.move(325 * 3600)
    younger = wallet.send()
    equal(len(node.getrawmempool()), 3)
    clock.move(3600 + 5)
    newest = wallet.send()
    equal(set(node.getrawmempool()), {younger.txid, newest.txid})
    refused(-5, "Transaction not in mempool", node.getmempoolentry, child.txid)


@scenario()
def persistence(stage):
    """The mempool outlives a restart, with times and priorities, unless one does not want it."""
    node = stage.node
    wallet = stage.wallet()
    payments = [wallet.send() for _ in range(3)]
    node.prioritisetransaction(txid=payments[0].txid, fee_delta=5000)
    node.prioritisetransaction("77" * 32, 0, 42)
    before = node.getrawmempool(verbose=True)
    node.restart()
    after = node.getrawmempool(verbose=True)
    equal({txid: (entry["time"], entry["fees"]) for txid, entry in after.items()},
          {txid: (entry["time"], entry["fees"]) for txid, entry in before.items()})
    equal(node.getprioritisedtransactions()["77" * 32], {"fee_delta": 42, "in_mempool": False})
    node.restart(["-persistmempool=0"])
    equal(node.getrawmempool(), [])
    node.restart()
    equal(len(node.getrawmempool()), 3)
    (node.chain_dir / "mempool.dat").unlink()
    equal(node.savemempool(), {"filename": str(node.chain_dir / "mempool.dat")})
    copy = stage.directory / "copy.dat"
    (node.chain_dir / "mempool.dat").rename(copy)
    node.kill()
    node.start()
    equal(node.getrawmempool(), [])
    equal(node.importmempool(str(copy)), {})
    equal(len(node.getrawmempool()), 3)


@scenario()
def priorities(stage):
    """A priority counts as a fee for mining, not in what the transaction pays."""
    node = stage.node
    wallet = stage.wallet()
    cheap, dear = wallet.send(rate=200), wallet.send(rate=5000)
    assert node.prioritisetransaction(txid=cheap.txid, fee_delta=100_000) is True
    entry = node.getmempoolentry(cheap.txid)
    equal((entry["fees"]["base"], entry["fees"]["modified"]), (btc(cheap.fee), btc(cheap.fee + 100_000)))
    equal(node.getprioritisedtransactions(), {
        cheap.txid: {"fee_delta": 100_000, "in_mempool": True, "modified_fee": cheap.fee + 100_000}})
    template = node.getblocktemplate({"rules": ["segwit"]})
    equal([tx["txid"] for tx in template["transactions"]], [cheap.txid, dear.txid])
    node.prioritisetransaction(cheap.txid, 0, -100_000)
    equal(node.getprioritisedtransactions(), {})
    refused(-8, "Priority is no longer supported", node.prioritisetransaction, cheap.txid, 1, 1)
    # One that pays too little is let in when it is given something.
    free = wallet.create(fee=0)
    refused(-26, "min relay fee not met", node.sendrawtransaction, free.hex)
    node.prioritisetransaction(free.txid, 0, 10_000)
    wallet.hand_in(free)
    assert free.txid in node.getrawmempool()


@scenario(args=["-datacarriersize=500"])
def reject_strings(stage):
    """Each rule of relay has its name."""
    node = stage.node
    wallet = stage.wallet()
    coin = wallet.take()

    def verdict(tx):
        got = node.testmempoolaccept([tx.hex])[0]
        equal((got["txid"], got["wtxid"], got["allowed"]), (tx.txid, tx.wtxid, False))
        refused(-26 if got["reject-reason"] != "missing-inputs" else -25, "", node.sendrawtransaction, tx.hex, 0, 1)
        return got["reject-reason"]

    def pay(**how):
        return wallet.create(coin, **how).tx

    equal(verdict(pay(version=4)), "version")
    equal(verdict(pay(locktime=1000, sequence=0)), "non-final")
    equal(verdict(pay(sequence=500)), "non-BIP68-final")
    equal(verdict(pay(fee=0)), "min relay fee not met")
    equal(verdict(pay(extra_outputs=[TxOut(100, SINK_SCRIPT)])), "dust")
    equal(verdict(pay(extra_outputs=[TxOut(0, script(OP_RETURN, push(bytes(500))))])), "datacarrier")
    equal(verdict(pay(extra_outputs=[TxOut(5000, bytes([OP_TRUE] * 30))])), "scriptpubkey")
    two = pay(extra_outputs=[TxOut(0, script(OP_RETURN, push(b"a"))), TxOut(0, script(OP_RETURN, push(b"b")))])
    equal(node.testmempoolaccept([two.hex])[0]["allowed"], True)
    signed = pay()
    signed.inputs[0].script = push(b"data")
    assert verdict(signed).startswith("mempool-script-verify-flag-failed (Witness requires empty scriptSig)")
    unsigned = pay()
    unsigned.inputs[0].witness = []
    assert verdict(unsigned).startswith("mempool-script-verify-flag-failed (Witness program was passed an empty witness)")
    opcodes = pay()
    opcodes.inputs[0].script = bytes([OP_RETURN])
    equal(verdict(opcodes), "scriptsig-not-pushonly")
    missing = pay()
    missing.inputs[0].txid = "55" * 32
    equal(verdict(missing), "missing-inputs")
    doubled = pay()
    doubled.inputs *= 2
    equal(verdict(doubled), "bad-txns-inputs-duplicate")
    empty = pay()
    empty.outputs = []
    equal(verdict(empty), "bad-txns-vout-empty")
    rich = pay()
    rich.outputs[0].value = coin.value + 1
    equal(verdict(rich), "bad-txns-in-belowout")
    big = pay(padding=100_000)
    big.outputs *= 2
    equal(verdict(big), "tx-size")
    tiny = Transaction([TxIn(coin.txid, coin.index)], [TxOut(0, bytes([OP_RETURN]))])
    equal(verdict(tiny), "tx-size-small")
    reserve = Transaction([TxIn(script=b"\x51\x51")], [TxOut(1000, SINK_SCRIPT)])
    equal(verdict(reserve), "coinbase")
    young = node.getblock(node.getbestblockhash())["tx"][0]
    early = pay()
    early.inputs[0].txid = young
    equal(verdict(early), "bad-txns-premature-spend-of-coinbase")
    refused(-25, "Fee exceeds maximum configured by user", node.sendrawtransaction, pay(fee=20_000_000).hex)
    refused(-25, "Unspendable output exceeds maximum configured by user", node.sendrawtransaction,
            pay(extra_outputs=[TxOut(1000, bytes([OP_RETURN]))]).hex)
    refused(-22, "TX decode failed", node.sendrawtransaction, "00")
    sent = wallet.send(coin)
    equal(node.testmempoolaccept([sent.hex])[0]["reject-reason"], "txn-already-in-mempool")
    equal(node.sendrawtransaction(sent.hex), sent.txid)
    node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    equal(node.testmempoolaccept([sent.hex])[0]["reject-reason"], "txn-already-known")
    refused(-27, "Transaction outputs already in utxo set", node.sendrawtransaction, sent.hex)


@scenario()
def packages(stage):
    """A child pays for its parent when both are handed in together."""
    node = stage.node
    wallet = stage.wallet()
    parent = wallet.create(fee=0)
    child = wallet.create(parent.coin, fee=2000)
    refused(-26, "min relay fee not met", node.sendrawtransaction, parent.hex)
    got = node.submitpackage([parent.hex, child.hex])
    equal(got["package_msg"], "success")
    equal(set(got["tx-results"]), {parent.wtxid, child.wtxid})
    rate = got["tx-results"][child.wtxid]["fees"]["effective-feerate"]
    equal(set(got["tx-results"][child.wtxid]["fees"]["effective-includes"]), {parent.wtxid, child.wtxid})
    assert abs(rate * 100_000_000 * (parent.vsize + child.vsize) / 1000 - 2000) < 2, rate
    equal(set(node.getrawmempool()), {parent.txid, child.txid})
    again = node.submitpackage([parent.hex, child.hex])
    equal(again["package_msg"], "success")
    # Not enough for both.
    poor = wallet.create(fee=0)
    little = wallet.create(poor.coin, fee=10)
    got = node.submitpackage([poor.hex, little.hex])
    equal(got["package_msg"], "transaction failed")
    assert "min relay fee not met" in got["tx-results"][poor.wtxid]["error"]
    one, two = wallet.create(), wallet.create()
    verdicts = node.testmempoolaccept([one.hex, two.hex])
    equal([verdict["allowed"] for verdict in verdicts], [True, True])
    refused(-25, "package topology disallowed", node.submitpackage, [one.hex, two.hex])
    conflict = wallet.create(one.coin), wallet.create(one.coin, fee=5000)
    verdicts = node.testmempoolaccept([one.hex, *(each.hex for each in conflict)])
    equal({verdict["package-error"] for verdict in verdicts}, {"conflict-in-package"})
    verdicts = node.testmempoolaccept([conflict[0].hex, one.hex])
    equal({verdict["package-error"] for verdict in verdicts}, {"package-not-sorted"})
    refused(-8, "Array must contain between 1 and 25 transactions.", node.testmempoolaccept, [])


@scenario()
def truc(stage):
    """Version 3 transactions come in pairs, and small (BIP431)."""
    node = stage.node
    wallet = stage.wallet()
    parent = wallet.send(version=3, outputs=2)
    child = wallet.send(parent.coins[0], version=3, fee=1000)
    refused(-26, "TRUC-violation", node.sendrawtransaction, wallet.create(child.coin, version=3).hex)
    refused(-26, "TRUC-violation", node.sendrawtransaction, wallet.create(parent.coins[1], version=2).hex)
    refused(-26, "TRUC-violation", node.sendrawtransaction, wallet.create(version=3, padding=10_000).hex)
    # A second child takes the place of the first if it pays for it.
    refused(-26, "insufficient fee", node.sendrawtransaction, wallet.create(parent.coins[1], version=3, fee=1000).hex)
    other = wallet.send(parent.coins[1], version=3, fee=5000)
    equal(set(node.getrawmempool()), {parent.txid, other.txid})
    free = wallet.create(version=3, fee=0)
    payer = wallet.create(free.coin, version=3, fee=1000)
    equal(node.submitpackage([free.hex, payer.hex])["package_msg"], "success")
    plain = wallet.send()
    refused(-26, "TRUC-violation", node.sendrawtransaction, wallet.create(plain.coin, version=3).hex)


@scenario()
def ephemeral_dust(stage):
    """Dust is let in when its child spends it and nobody pays for it."""
    node = stage.node
    wallet = stage.wallet()
    parent = wallet.create(version=3, fee=0, extra_outputs=[TxOut(0, wallet.script)])
    refused(-26, "min relay fee not met", node.sendrawtransaction, parent.hex)
    dust = type(parent.coin)(parent.txid, 1, 0)
    sweep = wallet.create([parent.coin, dust], version=3, fee=3000)
    leaves = wallet.create(parent.coin, version=3, fee=3000)
    got = node.submitpackage([parent.hex, leaves.hex])
    assert "missing-ephemeral-spends" in str(got), got
    equal(node.submitpackage([parent.hex, sweep.hex])["package_msg"], "success")
    equal(set(node.getrawmempool()), {parent.txid, sweep.txid})
    paid = wallet.create(version=3, fee=1000, extra_outputs=[TxOut(0, wallet.script)])
    refused(-26, "dust", node.sendrawtransaction, paid.hex)


@scenario()
def in_blocks_and_out(stage):
    """A block takes what it holds out of the mempool, and what it makes impossible."""
    node = stage.node
    wallet = stage.wallet()
    coin = wallet.take()
    kept, loser = wallet.send(), wallet.send(coin, fee=1000)
    heir = wallet.send(loser.coin)
    winner = wallet.create(coin, fee=700)
    got = node.generateblock("mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z", [winner.hex])
    equal(node.getblock(got["hash"])["tx"][1:], [winner.txid])
    equal(node.getrawmempool(), [kept.txid])
    refused(-5, "Transaction not in mempool", node.getmempoolentry, heir.txid)
    equal(node.getrawmempool(False, True)["txids"], [kept.txid])
    first = node.getrawmempool(mempool_sequence=True)["mempool_sequence"]
    wallet.send()
    assert node.getrawmempool(mempool_sequence=True)["mempool_sequence"] > first
    refused(-8, "Verbose results cannot contain mempool sequence values.", node.getrawmempool, True, True)


@scenario(args=["-acceptnonstdtxn=1"])
def bare_scripts(stage):
    """With -acceptnonstdtxn bare OP_TRUE outputs are as good as any."""
    node = stage.node
    wallet = stage.wallet(raw=True)
    wallet.mine(2)
    node.generatetoaddress(100, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    chain = wallet.chain(3, padding=50)
    equal(set(node.getrawmempool()), {payment.txid for payment in chain})
    equal(chain[0].txid, chain[0].wtxid)
    node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    equal(node.getrawmempool(), [])
    has(node.decodescript("51")["asm"], "1")
