"""Templates, proposals and blocks on demand."""

import time

from chain import make_block, next_block, submit, subsidy
from objects import Block, Transaction, TxIn, TxOut
from scenario import MockClock, equal, has, refused, scenario
from script import ANYONE_ADDRESS, ANYONE_SCRIPT, OP_TRUE, SINK_ADDRESS, SINK_SCRIPT
from wallet import btc

RULES = {"rules": ["segwit"]}


def block_of_template(template, output=ANYONE_SCRIPT):
    """The block that a miner makes of a template."""
    transactions = [Transaction.from_hex(tx["data"]) for tx in template["transactions"]]
    fees = sum(tx["fee"] for tx in template["transactions"])
    return make_block(
        template["previousblockhash"], template["height"], template["curtime"], transactions, commit=True, fees=fees,
        version=template["version"], bits=int(template["bits"], 16),
    )


@scenario()
def template(stage):
    """All that a miner needs is in a template, and the block made of it is taken."""
    node = stage.node
    wallet = stage.wallet()
    payments = wallet.chain(2, fee=1000) + [wallet.send(fee=5000)]
    got = node.getblocktemplate(RULES)
    equal((got["previousblockhash"], got["height"]), (node.getbestblockhash(), 201))
    equal((got["coinbasevalue"], got["bits"]), (subsidy(201) + 7000, "207fffff"))
    equal((got["sigoplimit"], got["sizelimit"], got["weightlimit"]), (80_000, 4_000_000, 4_000_000))
    equal(got["target"], "7fffff" + "0" * 58)
    equal(got["mintime"], node.getblockheader(node.getbestblockhash())["mediantime"] + 1)
    equal(set(got["mutable"]), {"time", "transactions", "prevblock"})
    has(got["capabilities"], "proposal")
    has(got["rules"], "!segwit")
    equal(got["noncerange"], "00000000ffffffff")
    by_id = {tx["txid"]: tx for tx in got["transactions"]}
    equal(set(by_id), {payment.txid for payment in payments})
    equal(got["transactions"][0]["txid"], payments[2].txid)
    for payment in payments:
        shown = by_id[payment.txid]
        equal((shown["data"], shown["hash"], shown["fee"]), (payment.hex, payment.wtxid, payment.fee))
        equal((shown["weight"], shown["sigops"]), (payment.tx.weight, 0))
    equal(by_id[payments[1].txid]["depends"], [1 + [tx["txid"] for tx in got["transactions"]].index(payments[0].txid)])
    block = block_of_template(got)
    commitment = got["default_witness_commitment"]
    equal(block.transactions[0].outputs[-1].script.hex(), commitment)
    submit(node, block)
    equal(node.getblock(block.hash)["nTx"], 4)
    refused(-8, "getblocktemplate must be called with the segwit rule set", node.getblocktemplate, {})
    refused(-8, "Invalid mode", node.getblocktemplate, {"mode": "foo"})
    info = node.getmininginfo()
    equal((info["blocks"], info["chain"], info["pooledtx"]), (201, "regtest", 0))
    equal((info["next"]["height"], info["bits"], info["blockmintxfee"]), (202, "207fffff", btc(1)))


@scenario()
def proposals(stage):
    """A block can be asked about before it is solved."""
    node = stage.node
    good = next_block(node, solve=False)

    def said(block):
        return node.getblocktemplate({"mode": "proposal", "data": block.hex, **RULES})

    equal(said(good), None)
    refused(-22, "Block decode failed", node.getblocktemplate, {"mode": "proposal", "data": "00", **RULES})
    refused(-3, "Missing data String key for proposal", node.getblocktemplate, {"mode": "proposal", **RULES})
    for change, reason in (
        ({"merkle_root": "11" * 32}, "bad-txnmrklroot"), ({"bits": 0x1C00FFFF}, "bad-diffbits"), ({"time": 1}, "time-too-old"),
        ({"time": int(time.time()) + 10_000}, "time-too-new"), ({"version": 2}, "bad-version(0x00000002)"),
        ({"prev": "22" * 32}, "inconclusive-not-best-prevblk"),
    ):
        block = Block.from_hex(good.hex)
        for name, value in change.items():
            setattr(block, name, value)
        equal((change, said(block)), (change, reason))
    greedy = Block.from_hex(good.hex)
    greedy.transactions[0].outputs[0].value += 1
    greedy.set_merkle_root()
    equal(said(greedy), "bad-cb-amount")
    unknown = next_block(node, [Transaction([TxIn("33" * 32, 0)], [TxOut(1, b"")])], solve=False)
    equal(said(unknown), "bad-txns-inputs-missingorspent")
    late = next_block(node, [Transaction([TxIn("33" * 32, 0, sequence=0)], [TxOut(1, b"")], locktime=2**32 - 1)], solve=False)
    equal(said(late), "bad-txns-nonfinal")
    submit(node, good.solve())
    equal(said(good), "duplicate")
    equal(node.getblockcount(), 201)


@scenario()
def longpoll(stage):
    """Who waits for a new template is told of a block, does not keep others waiting, and is told of transactions."""
    node = stage.node
    poll = node.getblocktemplate(RULES)["longpollid"]
    equal(node.getblocktemplate(RULES)["longpollid"], poll)
    block = next_block(node)

    def between():
        for _ in range(3):
            equal(node.getblockcount(), 200)
        submit(node, block)

    results = stage.aside(lambda client: client.getblocktemplate({**RULES, "longpollid": poll}), between=between)
    equal(results[0]["previousblockhash"], block.hash)
    # Transactions end it too, but only after a minute of the node's own clock; a changed id ends it at once.
    again = node.getblocktemplate({**RULES, "longpollid": poll})
    equal(again["previousblockhash"], block.hash)


@scenario()
def blocks_on_demand(stage):
    """generatetoaddress, generatetodescriptor and generateblock do what they say."""
    node = stage.node
    wallet = stage.wallet()
    first, second = wallet.send(fee=1000), wallet.send(fee=9000)
    got = node.generateblock(output=SINK_ADDRESS, transactions=[first.txid])
    equal(set(got), {"hash"})
    equal(node.getblock(got["hash"])["tx"][1:], [first.txid])
    equal(node.getrawmempool(), [second.txid])
    got = node.generateblock(SINK_ADDRESS, [], False)
    equal(set(got), {"hash", "hex"})
    block = Block.from_hex(got["hex"])
    equal((block.hash, block.transactions[0].outputs[0].script), (got["hash"], SINK_SCRIPT))
    equal(node.getblockcount(), 201)
    equal(node.submitblock(got["hex"]), None)
    free = wallet.create(fee=0)
    got = node.generateblock(SINK_ADDRESS, [free.hex])
    equal(node.getblock(got["hash"])["tx"][1:], [free.txid])
    refused(-5, "Transaction " + "00" * 32 + " not in mempool.", node.generateblock, SINK_ADDRESS, ["00" * 32])
    refused(-22, "Transaction decode failed for 0000", node.generateblock, SINK_ADDRESS, ["0000"])
    refused(-5, "Invalid address or descriptor", node.generateblock, "foo", [])
    refused(-25, "TestBlockValidity failed: bad-txns-BIP30", node.generateblock, SINK_ADDRESS, [free.hex])
    refused(-5, "Invalid address", node.generatetoaddress, 1, "foo")
    hashes = node.generatetoaddress(2, ANYONE_ADDRESS)
    equal((len(hashes), node.getbestblockhash()), (2, hashes[1]))
    equal(node.getblock(hashes[0])["tx"][1:], [second.txid])
    equal(node.generatetoaddress(0, ANYONE_ADDRESS), [])
    text = node.getdescriptorinfo(f"raw({bytes([OP_TRUE]).hex()})")["descriptor"]
    tip = node.generatetodescriptor(num_blocks=1, descriptor=text)[0]
    equal(node.getblock(tip, 2)["tx"][0]["vout"][0]["scriptPubKey"]["hex"], "51")


@scenario(args=["-blockmaxweight=100000", "-blockmintxfee=0.00001"])
def limits_of_a_template(stage):
    """A template holds what pays best and fits, and nothing below the least rate."""
    node = stage.node
    wallet = stage.wallet()
    cheap = wallet.send(rate=900)
    small = wallet.send(rate=2000)
    large = [wallet.send(rate=3000 + at, padding=9_000) for at in range(4)]
    got = node.getblocktemplate(RULES)
    chosen = [tx["txid"] for tx in got["transactions"]]
    assert cheap.txid not in chosen
    assert small.txid in chosen
    equal([payment.txid in chosen for payment in large], [False, False, True, True])
    assert sum(tx["weight"] for tx in got["transactions"]) + 8000 <= 100_000
    # A child that pays pulls its parent in.
    payer = wallet.send(cheap.coin, rate=4000)
    MockClock(node).move(60)
    chosen = [tx["txid"] for tx in node.getblocktemplate(RULES)["transactions"]]
    assert chosen.index(cheap.txid) < chosen.index(payer.txid)


@scenario(start=False)
def template_time(stage):
    """A template's time is the clock's, but later than the median of eleven blocks."""
    node = stage.node
    node.start()
    tip = node.getblockheader(node.getbestblockhash())
    median = tip["mediantime"]
    clock = MockClock(node, start=median - 5)
    equal(node.getblocktemplate(RULES)["curtime"], median + 1)
    clock.set(int(time.time()) + 1000)
    got = node.getblocktemplate(RULES)
    equal(got["curtime"], clock.now)
    clock.move(60)
    equal(node.getblocktemplate(RULES)["curtime"], clock.now)


@scenario(args=["-vbparams=testdummy:0:9999999999", "-blockversion=4"])
def block_version(stage):
    """A version that somebody insists on is used."""
    node = stage.node
    equal(node.getblocktemplate(RULES)["version"], 4)
    node.generatetoaddress(1, SINK_ADDRESS)
    equal(node.getblockheader(node.getbestblockhash())["version"], 4)


@scenario(chain="empty")
def version_bits(stage):
    """The deployment that is there for tests goes through its stages."""
    node = stage.node
    stages = []
    for _ in range(4):
        entry = node.getdeploymentinfo()["deployments"]["testdummy"]
        stages.append((entry["bip9"]["status"], entry["active"], node.getblocktemplate(RULES)["version"]))
        node.generatetoaddress(144, SINK_ADDRESS)
    equal([name for name, _, _ in stages], ["defined", "started", "locked_in", "active"])
    equal([version for _, _, version in stages], [0x20000000, 0x30000000, 0x30000000, 0x20000000])
    equal([active for _, active, _ in stages], [False, False, False, True])
