"""Options, from the command line and from files."""

import hashlib
import hmac
import json
import os
import re
import time

from node import wait_until
from rpc import NotJson
from scenario import equal, has, refused, scenario

ACCEPTED = [
    "-whitelist=noban,in,out@127.0.0.1", "-testactivationheight=segwit@5", "-testactivationheight=bip34@2",
    "-testactivationheight=dersig@3", "-testactivationheight=cltv@4", "-testactivationheight=csv@6", "-persistmempool=0",
    "-minrelaytxfee=0.00000100", "-acceptnonstdtxn=1", "-peertimeout=5", "-maxmempool=50", "-minimumchainwork=0x0",
    "-limitclustercount=10", "-limitclustersize=50", "-incrementalrelayfee=0.000001", "-bytespersigop=20",
    "-permitbaremultisig=0", "-datacarrier=1", "-datacarriersize=83", "-dustrelayfee=0.00003", "-blockmintxfee=0.00000001",
    "-blockmaxweight=3000000", "-blockreservedweight=8000", "-maxtipage=100", "-mempoolexpiry=10", "-blocksonly=0",
    "-maxconnections=40", "-bantime=100", "-par=1", "-prevoutfetchthreads=1", "-dbcache=16", "-checkblockindex=0",
    "-checkaddrman=1", "-checkblocks=3", "-checklevel=2", "-checkmempool=0", "-printpriority", "-keypool=1",
    "-maxsigcachesize=1", "-rpcworkqueue=64", "-rpcthreads=4", "-maxreceivebuffer=5000", "-maxsendbuffer=1000",
    "-maxuploadtarget=0", "-networkactive=1", "-dns=0", "-forcednsseed=0", "-timeout=5000", "-peerbloomfilters=0",
    "-assumevalid=0", "-blocksxor=0", "-stopatheight=0", "-logips=1", "-logtimestamps=1", "-uacomment=more",
    "-debug=net", "-nodebug", "-debug=1", "--rest=0", "-deprecatedrpc=nothing", "-settings=settings.json",
    "-vbparams=testdummy:0:9999999999", "-maxorphantx=100", "-datacarriersize=100",
]


@scenario(chain="empty", start=False)
def every_option_is_taken(stage):
    """Options that harnesses give are known, and an unknown one is refused."""
    node = stage.node
    options = [each for each in ACCEPTED if not each.startswith("-maxorphantx")]
    node.start(options)
    equal(node.getmempoolinfo()["maxmempool"], 50_000_000)
    equal(node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"), [node.getbestblockhash()])
    equal(node.getdeploymentinfo()["deployments"]["segwit"]["height"], 5)
    node.stop()
    node.fails_to_start(["-nosuchoption"], "Error: Error parsing command line arguments: Invalid parameter -nosuchoption")


@scenario(chain="empty", start=False)
def wrong_options(stage):
    """What is said about values that cannot be."""
    node = stage.node
    folder = stage.directory / "nothing"
    for args, said in (
        (["-nosuch=1"], "Error: Error parsing command line arguments: Invalid parameter -nosuch=1"),
        ([f"-blocksdir={folder}"], f'Error: Specified blocks directory "{folder}" does not exist.'),
        (["-uacomment=a/b"], "Error: User Agent comment (a/b) contains unsafe characters."),
        (["-minrelaytxfee=cheap"], "Error: Invalid amount for -minrelaytxfee=<amount>: 'cheap'"),
        (["-minrelaytxfee=1,5"], "Error: Invalid amount for -minrelaytxfee=<amount>: '1,5'"),
        (["-maxmempool=1"], "Error: -maxmempool must be at least 5 MB"),
        (["-maxconnections=-1"], "Error: -maxconnections must be greater or equal than zero"),
        (["-peertimeout=0"], "Error: peertimeout must be a positive integer."),
        (["-prune=2"], "Error: Prune configured below the minimum of 550 MiB.  Please use a higher number."),
        (["-prune=550", "-txindex"], "Error: Prune mode is incompatible with -txindex."),
        (["-testactivationheight=nothing@1"],
         "Error: Invalid name (nothing@1) for -testactivationheight=name@height."),
        (["-testactivationheight=csv"], "Error: Invalid format (csv) for -testactivationheight=name@height."),
        (["-chain=nowhere"], None),
        (["-minimumchainwork=xyz"], "Error: Invalid minimum work specified (xyz), must be up to 64 hex digits"),
        (["-assumevalid=xyz"], "Error: Invalid assumevalid block hash specified (xyz), must be up to 64 hex digits (or 0 to disable)"),
    ):
        if said is None:
            node.spawn(args)
            node.wait_stopped(code=1, stderr=None)
            assert node.stderr().startswith("Error: "), node.stderr()
        else:
            node.fails_to_start(args, said)


@scenario(chain="empty", start=False)
def config_file(stage):
    """In the file the first value wins, on the command line the last, which wins over settings.json and the file."""
    node = stage.node
    conf = node.directory / "bitcoin.conf"
    begin = conf.read_text()

    def pool(text="", args=(), settings=None):
        conf.write_text(begin + text)
        path = node.chain_dir / "settings.json"
        path.unlink(missing_ok=True)
        if settings is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(settings))
        node.start(args)
        size = node.getmempoolinfo()["maxmempool"] // 1_000_000
        node.stop()
        return size

    equal(pool(), 300)
    equal(pool("maxmempool=20\nmaxmempool=21\n"), 20)
    equal(pool("maxmempool=20\n", ["-maxmempool=30", "-maxmempool=31"]), 31)
    equal(pool("maxmempool=20\n", settings={"maxmempool": 40}), 40)
    equal(pool("maxmempool=20\n", ["-maxmempool=30"], {"maxmempool": 40}), 30)
    (node.chain_dir / "settings.json").unlink()
    (node.directory / "more.conf").write_text("[regtest]\nmaxmempool=50\n")
    conf.write_text("includeconf=more.conf\nmaxmempool=60\n" + begin)
    node.start()
    # A value in the chain's section wins over one of all chains, wherever it stands.
    equal(node.getmempoolinfo()["maxmempool"], 50_000_000)
    node.stop()
    conf.write_text(begin + "nosuchkey=1\n")
    node.start()
    has(node.log.read_text(), "Ignoring unknown configuration value regtest.nosuchkey")
    node.stop()
    conf.write_text(begin + "-dash=1\n")
    node.fails_to_start(
        [], "Error: Error reading configuration file: parse error on line "
        f"{begin.count(chr(10)) + 1}: -dash=1, options in configuration file must be specified without leading -",
    )


@scenario(chain="empty", start=False)
def user_agent(stage):
    """The comment is in the name under which the node is known."""
    node = stage.node
    node.start()
    assert re.fullmatch(r"/.+:[0-9.]+\(testnode0\)/", node.getnetworkinfo()["subversion"])
    node.restart(["-uacomment=foo"])
    assert node.getnetworkinfo()["subversion"].endswith("(testnode0; foo)/")
    node.stop()
    node.fails_to_start(
        ["-uacomment=" + "a" * 256], "Reduce the number or size of uacomments.", contains=True
    )


@scenario(chain="empty", start=False)
def mock_time(stage):
    """The node lives by the time it is told."""
    node = stage.node
    node.start(["-mocktime=1600000000"])
    node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    equal(node.getblockheader(node.getbestblockhash())["time"], 1_600_000_000)
    node.setmocktime(1_600_000_500)
    node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    equal(node.getblockheader(node.getbestblockhash())["time"], 1_600_000_500)
    node.setmocktime(0)
    node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    assert abs(node.getblockheader(node.getbestblockhash())["time"] - time.time()) < 60
    refused(-8, "Mocktime must be in the range [0, 4294967295], not -1.", node.setmocktime, -1)
    refused(-3, "JSON value of type string is not of expected type number", node.setmocktime, "x")


@scenario(chain="empty", start=False)
def folders(stage):
    """Blocks, pid, log and cookie where one wants them."""
    node = stage.node
    blocks = stage.directory / "elsewhere"
    blocks.mkdir()
    pid, log, cookie = (stage.directory / name for name in ("my.pid", "my.log", "my.cookie"))
    args = [f"-blocksdir={blocks}", f"-pid={pid}"]
    node.start(args)
    node.generatetoaddress(3, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    equal(pid.read_text().strip(), str(node.process.pid))
    assert (blocks / "regtest" / "blocks" / "blk00000.dat").exists()
    assert not (node.chain_dir / "blocks" / "blk00000.dat").exists()
    node.restart([*args, f"-debuglogfile={log}"])
    has(log.read_text(), "Done loading")
    equal(node.getblockcount(), 3)
    node.stop()
    assert not pid.exists()
    node.spawn([*args, f"-rpccookiefile={cookie}"])
    wait_until(lambda: cookie.exists() and cookie.read_text(), "there is a cookie")
    equal(node.cookie.exists(), False)
    node.terminate()
    node.wait_stopped()
    assert not cookie.exists()


@scenario(chain="empty", start=False)
def notifications(stage):
    """Commands are run at the start, at the end and at a new block."""
    node = stage.node
    folder = stage.directory / "told"
    folder.mkdir()
    started, ended = folder / "started", folder / "ended"
    node.start([
        f"-startupnotify=echo 1 > {started}", f"-shutdownnotify=echo 1 > {ended}",
        f"-blocknotify=echo 1 > {folder}/%s",
    ])
    wait_until(started.exists, "it was told that the node started")
    hashes = node.generatetoaddress(3, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    wait_until(lambda: all((folder / text).exists() for text in hashes), "it was told of the blocks")
    equal(ended.exists(), False)
    node.stop()
    equal(ended.exists(), True)
    equal(len(os.listdir(folder)), 5)


def rpcauth(user, password, salt="5f3a"):
    digest = hmac.new(salt.encode(), password.encode(), hashlib.sha256).hexdigest()
    return f"-rpcauth={user}:{salt}${digest}"


def status(node, user, password):
    client = node.new_client()
    client.close()
    client = type(client)(node.rpc_port, user, password)
    try:
        client.getblockcount()
        return 200
    except NotJson as error:
        return error.status
    finally:
        client.close()


@scenario(chain="empty", start=False)
def rpc_users(stage):
    """Users of -rpcauth and -rpcuser are let in, others are not."""
    node = stage.node
    node.start([rpcauth("alice", "secret"), rpcauth("bob", "hidden", "aa")])
    equal(status(node, "alice", "secret"), 200)
    equal(status(node, "bob", "hidden"), 200)
    for user, password in (("alice", "hidden"), ("alice", ""), ("carol", "secret"), ("", "")):
        equal((user, password, status(node, user, password)), (user, password, 401))
    got = node.client.exchange("{}", headers={"Authorization": None})
    equal(got[0], 401)
    has(got[1]["WWW-Authenticate"], 'Basic realm="jsonrpc"')
    node.stop()
    node.fails_to_start(["-rpcauth=foo"], "Error: Unable to start HTTP server. See debug log for details.")


@scenario(chain="empty", start=False)
def rpc_whitelist(stage):
    """A user with a list of methods may call those alone."""
    node = stage.node
    node.start([
        rpcauth("alice", "a"), rpcauth("bob", "b"), "-rpcwhitelistdefault=0",
        "-rpcwhitelist=alice:getblockcount,getbestblockhash",
    ])
    equal(status(node, "alice", "a"), 200)
    client = type(node.client)(node.rpc_port, "alice", "a")
    equal(client.getbestblockhash(), node.getbestblockhash())
    body = '{"jsonrpc":"2.0","id":1,"method":"getblockhash","params":[0]}'
    got = client.exchange(body)
    equal((got[0], got[2]), (403, b""))
    batch = f'[{body}]'
    equal(client.exchange(batch)[0], 403)
    client.close()
    other = type(node.client)(node.rpc_port, "bob", "b")
    equal(other.getblockhash(0), node.getblockhash(0))
    other.close()
    node.restart([rpcauth("bob", "b"), "-rpcwhitelist=carol:getblockcount", "-rpcwhitelist=__cookie__:getblockcount,getmempoolinfo,stop"])
    other = type(node.client)(node.rpc_port, "bob", "b")
    equal(other.exchange('{"id":1,"method":"getblockcount"}')[0], 403)
    other.close()
