//! The options of `chaincored`, beside those it shares with the client.

use chaincore_rpc::conf::{Group, OptionSpec, OptionTable, SHARED_OPTIONS, option};

use super::ignored::IGNORED_OPTIONS;

/// The headings of `-help`, in order.
pub(super) const GROUPS: &[Group] =
    &[Group::General, Group::Chain, Group::Api, Group::Mining, Group::Connection, Group::Policy, Group::Log];
/// Further headings of `-help-debug`.
pub(super) const DEBUG_GROUPS: &[Group] = &[Group::Debug, Group::Ignored];

/// Everything that `chaincored` accepts.
pub(super) fn table() -> OptionTable {
    OptionTable::new(&[SHARED_OPTIONS, OPTIONS, IGNORED_OPTIONS])
}

const OPTIONS: &[OptionSpec] = &[
    option("help-debug", "", Group::General, "Print this help with the options for tests, and exit"),
    option("quiet", "", Group::General, "Print nothing on the terminal"),
    option("verbose", "", Group::General, "Print the log on the terminal too. Same as -printtoconsole"),
    option("node-id", "<name>", Group::General, "A name for this node, shown in GET /status and to peers (default: one that is made up once)")
        .no_negation()
        .separate(),
    option("daemon", "", Group::General, "Start in the background and return"),
    option("daemonwait", "", Group::General, "Start in the background and return once the port is open"),
    option("blocksdir", "<dir>", Group::General, "Folder for the chain's blocks folder (default: <datadir>)"),
    option(
        "dbcache",
        "<MiB>",
        Group::General,
        "Memory for coins and databases (default: 450, at least 4). More makes the import of a long chain faster",
    ),
    option("par", "<n>", Group::General, "Threads that verify scripts: 0 one per core, -n all cores but n (default: 0)"),
    option("reindex", "", Group::General, "Rebuild every database from the block files on disk"),
    option("reindex-chainstate", "", Group::General, "Rebuild the coins from the block files on disk"),
    option("loadblock", "<file>", Group::General, "Import the blocks of a blk*.dat file; may be given several times"),
    option("txindex", "", Group::General, "Index every transaction, for getrawtransaction and GET /api/tx (default: 1; on Bitcoin's chains 0, as in Core)"),
    option(
        "blockfilterindex",
        "<type>",
        Group::General,
        "Index the compact filter of every block: basic, 1 for all types, or 0 (default: 1, and 0 on the chains that Bitcoin Core knows)",
    ),
    option(
        "addressindex",
        "",
        Group::General,
        "Index the history and the coins of every address, for GET /balance and GET /utxos (default: 1)",
    ),
    option("startupnotify", "<command>", Group::General, "Run this command once the node is up"),
    option("blocknotify", "<command>", Group::General, "Run this command for each new block; %s in it is the block's hash"),
    option("shutdownnotify", "<command>", Group::General, "Run this command before the node stops, and wait for it"),
    option(
        "plugin",
        "<command>",
        Group::General,
        "Run this program (a path, or a program and its arguments) as a plugin. May be given several times",
    )
    .needs_value()
    .separate(),
    option("important-plugin", "<command>", Group::General, "The same, and stop when that plugin fails")
        .needs_value()
        .separate(),
    option(
        "mirror",
        "<url>",
        Group::General,
        "Mirror the chain to PostgreSQL for analysts: postgres://user:password@host/database?sslmode=verify-full; tables are \
         made by themselves (see chaincored mirror verify --help)",
    )
    .needs_value()
    .secret(),
    option("mirrormempool", "", Group::General, "Mirror all that happens in the mempool, too (default: 0)"),
    option("mirrorimportant", "", Group::General, "Stop when the mirror fails for good (default: 0)"),
    option("pid", "<file>", Group::General, "File with the process id, relative to the chain's folder (default: bitcoind.pid)"),
    // JSON-RPC and REST
    option("server", "", Group::Api, "Serve JSON-RPC and REST (default: 1)"),
    option("rest", "", Group::Api, "Serve Bitcoin Core's /rest/ paths too (default: 0)"),
    option(
        "rpcbind",
        "<addr>[:port]",
        Group::Api,
        "Listen on this address; only heeded together with -rpcallowip (default: 127.0.0.1 and ::1). May be given \
         several times",
    )
    .network_only(),
    option(
        "rpcallowip",
        "<ip>",
        Group::Api,
        "Allow requests from this address, network/netmask or network/bits (default: this machine only). May be \
         given several times",
    ),
    option(
        "rpcauth",
        "<user>:<salt>$<hash>",
        Group::Api,
        "User and hashed password (HMAC-SHA-256) for JSON-RPC, as Core's rpcauth.py makes it. May be given several \
         times",
    )
    .secret(),
    option("rpccookieperms", "<who>", Group::Api, "Who can read the cookie: owner (default), group or all"),
    option("rpcthreads", "<n>", Group::Api, "Calls that are worked on at the same time (default: 16)"),
    option("rpcworkqueue", "<n>", Group::Api, "Calls that may wait for their turn (default: 64)"),
    option(
        "rpclongpolls",
        "<n>",
        Group::Api,
        "Calls that may wait for something to happen, such as long polls of miners; they hold none of -rpcthreads. 1000 \
         connections more are taken at a time (default: 2000)",
    ),
    option("rpcservertimeout", "<seconds>", Group::Api, "Close a connection that is idle for so long (default: 30)"),
    option("rpcwhitelist", "<user>:<methods>", Group::Api, "Methods that a user may call, with commas. May be given several times"),
    option("rpcwhitelistdefault", "", Group::Api, "Whether users without an -rpcwhitelist may call nothing (default: 1 if there is any -rpcwhitelist)"),
    option(
        "ratelimit",
        "<n>",
        Group::Api,
        "REST requests per second and client address, with bursts of twice as many; 0 no limit (default: 100)",
    ),
    option(
        "cors",
        "<origin>",
        Group::Api,
        "Let web pages of this origin (such as https://example.org, or * for any) read REST answers (default: none). \
         May be given several times",
    ),
    option(
        "rpcallowhost",
        "<name>",
        Group::Api,
        "A name of this machine that web pages and local requests without a password may use besides localhost and IP \
         addresses (such as the name behind a reverse proxy). May be given several times",
    ),
    option(
        "webdir",
        "<dir>",
        Group::Api,
        "Serve the web app from this folder (web/dist as it was built) instead of from the program",
    )
    .no_negation()
    .needs_value()
    .separate(),
    option(
        "webconnect",
        "<origin>",
        Group::Api,
        "Let the web app ask this other node too (such as https://node.example or http://10.0.0.2:5000), to compare what \
         the two say; that one needs -cors for this one's origin. May be given several times",
    )
    .no_negation()
    .needs_value(),
    option(
        "feedtoken",
        "<token>",
        Group::Api,
        "Let programs without a password, such as web pages, read the subscriptions of a WebSocket at /ws?token=<token>: 16 \
         to 256 letters, digits or any of -._~. May be given several times",
    )
    .no_negation()
    .secret(),
    option("zmqpubhashblock", "<address>", Group::Api, "Publish the hash of each new tip over ZeroMQ at this address: tcp://address:port (port 0: the system chooses one) or unix:path. Nobody is asked who he is. May be given several times, as the following four"),
    option("zmqpubhashtx", "<address>", Group::Api, "Publish the id of each transaction of the mempool and of blocks"),
    option("zmqpubrawblock", "<address>", Group::Api, "Publish each new tip's block"),
    option("zmqpubrawtx", "<address>", Group::Api, "Publish each transaction of the mempool and of blocks"),
    option("zmqpubsequence", "<address>", Group::Api, "Publish which blocks come and go, and which transactions enter the mempool and leave it otherwise than in a block"),
    option("zmqpubhashblockhwm", "<n>", Group::Api, "Messages of -zmqpubhashblock that wait for a slow subscriber at most, 0 any number (default: 1000)"),
    option("zmqpubhashtxhwm", "<n>", Group::Api, "The same for -zmqpubhashtx. Topics at one address have the mark of the first of them"),
    option("zmqpubrawblockhwm", "<n>", Group::Api, "The same for -zmqpubrawblock"),
    option("zmqpubrawtxhwm", "<n>", Group::Api, "The same for -zmqpubrawtx"),
    option("zmqpubsequencehwm", "<n>", Group::Api, "The same for -zmqpubsequence"),
    // Mining
    option("mine", "<address>", Group::Mining, "Mine on this machine; rewards go to this address").no_negation().needs_value().separate(),
    option("minethreads", "<n>", Group::Mining, "Threads that -mine uses, 0 one per core (default: 1)"),
    option(
        "stratum",
        "<[addr:]port>",
        Group::Mining,
        "Serve mining machines and pool software with Stratum v1 (default: 0; without a value 127.0.0.1:3333). A worker's name \
         is the address to pay, address.worker for several",
    )
    .network_only(),
    option("stratumaddress", "<address>", Group::Mining, "Who is paid for workers whose name is no address (default: the address of -mine)").no_negation().needs_value(),
    option("stratumdifficulty", "<n>", Group::Mining, "Difficulty of a worker's first shares (default: what fits the network; it follows the worker's speed)").needs_value(),
    option("stratummaxconnections", "<n>", Group::Mining, "Most machines at a time (default: 1000)"),
    option(
        "sv2",
        "",
        Group::Mining,
        "Serve block templates to pools and job declarators with Stratum v2; the log and listplugins say the public key that \
         they have to know (default: 0)",
    ),
    option("sv2port", "<port>", Group::Mining, "Port for Stratum v2 (default: 8442; regtest 18447, testnet4 48442)").network_only(),
    option("sv2bind", "<addr>[:port]", Group::Mining, "Listen on this address for Stratum v2 (default: 127.0.0.1)").no_negation().needs_value().network_only(),
    option("sv2interval", "<seconds>", Group::Mining, "How often to look whether fees make a better template for Stratum v2 (default: 30)"),
    option("sv2feedelta", "<satoshis>", Group::Mining, "By how much its fees must be higher for it to be sent (default: 1000)"),
    option("blockmaxweight", "<n>", Group::Mining, "Largest weight of a block template (default: 4000000)"),
    option("blockreservedweight", "<n>", Group::Mining, "Weight kept free for header and coinbase (default: 8000)"),
    option("blockmintxfee", "<coins/kvB>", Group::Mining, "Lowest fee rate in a block template (default: 0.00000001)"),
    option("blockversion", "<n>", Group::Debug, "Version of the blocks of a template, to test forks"),
    // Peers
    option("port", "<port>", Group::Connection, "Port for peers (default: 8000; regtest 18444, testnet4 48333, signet 38333, main 8333)").network_only().separate(),
    option("p2p-port", "<port>", Group::Connection, "Same as -port").stands_for("port").network_only().separate(),
    option("bootstrap-nodes", "<list>", Group::Connection, "First peers, with commas: http://host:port of a node's API, or host:port of its P2P port").no_negation().separate(),
    option("addnode", "<host>", Group::Connection, "A peer to keep a connection to. May be given several times").network_only(),
    option("connect", "<host>", Group::Connection, "Connect to this peer only; -noconnect to none. May be given several times").network_only(),
    option("bind", "<addr>[:port]", Group::Connection, "Listen for peers on this address. May be given several times").network_only(),
    option("listen", "", Group::Connection, "Accept connections of peers (default: 1)"),
    option("discover", "", Group::Connection, "Look for peers on this machine (default: 1; never on Bitcoin's chains)"),
    option("no-discover", "", Group::Connection, "Same as -discover=0").stands_against("discover"),
    option(
        "peer-discovery-range",
        "<first>-<last>",
        Group::Connection,
        "Ports of this machine where the APIs of other nodes are looked for; not on Bitcoin's chains (default: \
         5000-5100)",
    )
    .no_negation()
    .separate(),
    option(
        "peersecret",
        "<file>",
        Group::Connection,
        "Accept only peers that know the secret in this file too (relative to the chain's folder), as \
         this node proves to them",
    )
    .no_negation(),
    option(
        "peerkeys",
        "<file>",
        Group::Connection,
        "Accept only peers whose public key is listed in this file (relative to the chain's folder), one per line; \
         they must list this node's",
    )
    .no_negation(),
    option(
        "nodekey",
        "<file>",
        Group::Connection,
        "This node's key for -peerkeys, made if it is not there (default: node_key in the chain's folder)",
    )
    .no_negation(),
    option("pinginterval", "<s>", Group::Debug, "Seconds between pings (default: 30; on Bitcoin's chains 120)"),
    option("pingtimeout", "<s>", Group::Debug, "Seconds that a pong may take (default: 120; on Bitcoin's chains 1200)"),
    option("seednode", "<host>", Group::Connection, "Ask this peer for addresses of others, and leave it. May be given several times").network_only(),
    option("externalip", "<addr>", Group::Connection, "An address at which peers can reach this node, to be told to others. May be given several times"),
    option("dnsseed", "", Group::Connection, "Look up the chain's DNS seeds while too few nodes are known (default: 1 unless -connect or -maxconnections=0)"),
    option("forcednsseed", "", Group::Connection, "Look up the chain's DNS seeds in any case (default: 0)"),
    option("fixedseeds", "", Group::Connection, "Call the addresses that the chain's file lists if nothing else brings any (default: 1)"),
    option("onlynet", "<network>", Group::Connection, "Call peers of this network (ipv4, ipv6, onion, i2p, cjdns) alone, but for those that were named; ChainCore has no proxies, so of the last three it calls none. May be given several times"),
    option("maxuploadtarget", "<n>", Group::Connection, "Try to send no more than so much in 24 hours: peers that ask for blocks older than a week are left then, unless they have the permission download. With a unit of k, K, m, M, g, G, t or T, small ones counting by 1000 and others by 1024; M without one (default: 0, no limit)"),
    option("whitelist", "<[permissions@]network>", Group::Connection, "Give peers of an address or network permissions (noban, relay, forcerelay, mempool, download, addr, bloomfilter, in, out); without any: the usual ones. May be given several times"),
    option("whitebind", "<[permissions@]addr:port>", Group::Connection, "Listen there and give permissions to all who call. May be given several times"),
    option("whitelistrelay", "", Group::Connection, "Take transactions of whitelisted peers even with -blocksonly (default: 1)"),
    option("whitelistforcerelay", "", Group::Connection, "Relay transactions of whitelisted peers even if they are known (default: 0)"),
    option("bantime", "<s>", Group::Connection, "Seconds that a ban lasts if nothing else is said (default: 86400)"),
    option("dns", "", Group::Connection, "Look up the names of peers (default: 1)"),
    option("networkactive", "", Group::Connection, "Make connections; setnetworkactive changes it (default: 1)"),
    option("blocksonly", "", Group::Connection, "Take no transactions from peers (default: 0)"),
    option("v2transport", "", Group::Connection, "Encrypt connections with peers that can, as BIP324 has it (default: 1)"),
    option("peerblockfilters", "", Group::Connection, "Serve compact block filters to peers, which takes -blockfilterindex (default: 0)"),
    option("peertimeout", "<s>", Group::Debug, "Seconds that a peer may take to say hello (default: 60)"),
    option("timeout", "<ms>", Group::Connection, "Milliseconds that a connection may take to be made (default: 5000)"),
    option("maxreceivebuffer", "<kB>", Group::Connection, "Memory for what a peer sent and nobody looked at, in kB (default: 5000)"),
    option("maxsendbuffer", "<kB>", Group::Connection, "Memory for what a peer is to be sent, in kB (default: 1000)"),
    option("maxconnections", "<n>", Group::Connection, "Most connections, in and out (default: 12; on Bitcoin's chains 125)"),
    option("uacomment", "<text>", Group::Connection, "Comment in the user agent. May be given several times"),
    // Policy
    option("maxmempool", "<MB>", Group::Policy, "Memory for unconfirmed transactions, in megabytes (default: 300)"),
    option("mempoolexpiry", "<hours>", Group::Policy, "Forget unconfirmed transactions after so long (default: 336)"),
    option("persistmempool", "", Group::Policy, "Keep unconfirmed transactions over a restart (default: 1)"),
    option("minrelaytxfee", "<coins/kvB>", Group::Policy, "Lowest fee rate of transactions that are taken (default: 0.000001)"),
    option("incrementalrelayfee", "<coins/kvB>", Group::Policy, "How much more a replacement must pay (default: 0.000001)"),
    option("dustrelayfee", "<coins/kvB>", Group::Policy, "Fee rate by which an output is dust (default: 0.00003)"),
    option("datacarrier", "", Group::Policy, "Take transactions that carry data in OP_RETURN outputs (default: 1)"),
    option("datacarriersize", "<bytes>", Group::Policy, "Most bytes of OP_RETURN scripts in a transaction (default: 100000)"),
    option("permitbaremultisig", "", Group::Policy, "Take transactions with bare multisig outputs (default: 1)"),
    option("bytespersigop", "<bytes>", Group::Policy, "Size that a signature operation counts as (default: 20)"),
    option("acceptnonstdtxn", "", Group::Policy, "Take non-standard transactions; not on main (default: 0)"),
    option("limitclustercount", "<n>", Group::Debug, "Most unconfirmed transactions that hang together (default: 64)"),
    option("limitclustersize", "<kvB>", Group::Debug, "Most thousand vbytes that hang together (default: 101)"),
    option("limitancestorcount", "<n>", Group::Debug, "Most unconfirmed ancestors, for wallets (default: 25)"),
    option("limitdescendantcount", "<n>", Group::Debug, "Most unconfirmed descendants, for wallets (default: 25)"),
    // Log
    option("debug", "<category>", Group::Log, "Log details: of all categories, or of one such as -debug=rpc. May be given several times"),
    option("debugexclude", "<category>", Group::Log, "Leave a category out of -debug. May be given several times"),
    option("debuglogfile", "<file>", Group::Log, "The log, relative to the chain's folder (default: debug.log). -nodebuglogfile writes none"),
    option("printtoconsole", "", Group::Log, "Print the log on the terminal too (default: 0)"),
    option("loglevel", "<level>", Group::Log, "How much -debug logs: info, debug (default) or trace; or <category>:<level>").no_negation(),
    option("logtimemicros", "", Group::Log, "Microseconds in the log (default: 0)"),
    option("logthreadnames", "", Group::Log, "Names of threads in the log (default: 0)"),
    option("logsourcelocations", "", Group::Log, "Places in the source in the log (default: 0)"),
    // Tests
    option("mocktime", "<seconds>", Group::Debug, "Stop the clock at this time, in seconds since 1970"),
    option("stopatheight", "<n>", Group::Debug, "Stop when the chain has reached this height"),
    option("flushblocks", "<n>", Group::Debug, "Make the chain's state durable at least every this many blocks"),
    option("maxtipage", "<seconds>", Group::Debug, "Age of the newest block above which the node counts as catching up (default: 86400)"),
    option("maxsigcachesize", "<MiB>", Group::Debug, "Memory for signatures that are known to be good (default: 32)"),
    option("minimumchainwork", "<hex>", Group::Debug, "Least work of a chain that counts as the real one"),
    option("assumevalid", "<hash>", Group::Debug, "Accepted; ChainCore verifies every script all the same"),
    option("signetchallenge", "<hex>", Group::Chain, "The script that blocks of a signet of one's own must satisfy").no_negation(),
    option("testactivationheight", "<name>@<height>", Group::Debug, "From when segwit, bip34, dersig, cltv or csv holds; not on main"),
    option("vbparams", "<deployment>:<start>:<end>[:<height>]", Group::Debug, "When miners vote on a deployment; not on main"),
    option("test", "<option>", Group::Debug, "bip94: enforce the rules of BIP94; only on regtest"),
];
