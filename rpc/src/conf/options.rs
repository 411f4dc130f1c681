//! What an option is, and the options that the daemon and the client share.

/// Under which heading of `-help` an option stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What most people want.
    General,
    /// Which chain.
    Chain,
    /// JSON-RPC and REST.
    Api,
    /// Peers.
    Connection,
    /// Mining.
    Mining,
    /// Memory pool and relay policy.
    Policy,
    /// Logs.
    Log,
    /// For tests and for those who look for faults.
    Debug,
    /// Commands of the client that start with a dash.
    ClientCommand,
    /// Accepted because Bitcoin Core has it, with no effect here.
    Ignored,
}

impl Group {
    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::General => "Options",
            Group::Chain => "Chain selection options",
            Group::Api => "JSON-RPC and REST options",
            Group::Connection => "Connection options",
            Group::Mining => "Mining options",
            Group::Policy => "Mempool and relay options",
            Group::Log => "Logging options",
            Group::Debug => "Debugging and testing options",
            Group::ClientCommand => "Commands with a dash",
            Group::Ignored => "Options of Bitcoin Core that are accepted and have no effect",
        }
    }
}

/// One option. Built by [`option`] and the methods below, in constant tables.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// The name, without dashes.
    pub name: &'static str,
    /// What stands for the value in the help, such as `<dir>`; empty for a switch.
    pub hint: &'static str,
    /// The heading it is listed under.
    pub group: Group,
    /// What it does, its unit and its default.
    pub help: &'static str,
    /// Only heeded in the section of its chain, not at the top of the file, for the test chains of Core.
    pub network_only: bool,
    /// `-noname` makes no sense.
    pub no_negation: bool,
    /// `-name` without `=value` makes no sense.
    pub needs_value: bool,
    /// `--name value` works as `--name=value` does.
    pub separate: bool,
    /// The value must not be written to the log.
    pub secret: bool,
    /// Another spelling: what it stands for, and whether it means the opposite.
    pub alias: Option<(&'static str, bool)>,
    /// Not in the help.
    pub hidden: bool,
}

/// An option with nothing special about it.
pub const fn option(name: &'static str, hint: &'static str, group: Group, help: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        hint,
        group,
        help,
        network_only: false,
        no_negation: false,
        needs_value: false,
        separate: false,
        secret: false,
        alias: None,
        hidden: false,
    }
}

impl OptionSpec {
    /// Heeded only in its chain's section on Core's test chains.
    pub const fn network_only(mut self) -> Self {
        self.network_only = true;
        self
    }
    /// Cannot be negated.
    pub const fn no_negation(mut self) -> Self {
        self.no_negation = true;
        self
    }
    /// Cannot be given without a value.
    pub const fn needs_value(mut self) -> Self {
        self.needs_value = true;
        self
    }
    /// Takes its value from the next word too.
    pub const fn separate(mut self) -> Self {
        self.separate = true;
        self
    }
    /// Never logged.
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
    /// Stands for another option.
    pub const fn stands_for(mut self, name: &'static str) -> Self {
        self.alias = Some((name, false));
        self
    }
    /// Stands for the negation of another option.
    pub const fn stands_against(mut self, name: &'static str) -> Self {
        self.alias = Some((name, true));
        self
    }
    /// Left out of the help.
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
}

/// The options that one program knows.
#[derive(Debug, Clone)]
pub struct OptionTable {
    lists: Vec<&'static [OptionSpec]>,
}

impl OptionTable {
    /// The table of several lists; an option may stand in one of them only.
    pub fn new(lists: &[&'static [OptionSpec]]) -> Self {
        Self { lists: lists.to_vec() }
    }

    /// Every option, in the order of the lists.
    pub fn iter(&self) -> impl Iterator<Item = &'static OptionSpec> + '_ {
        self.lists.iter().flat_map(|list| list.iter())
    }

    /// The option of this exact name.
    pub fn find(&self, name: &str) -> Option<&'static OptionSpec> {
        self.iter().find(|spec| spec.name == name)
    }

    /// Finds what `key` means: the option it names or stands for, and whether it is negated. An option's own name
    /// goes before its reading as a negation (`no-discover`, `node-id`).
    pub(super) fn resolve(&self, key: &str) -> Option<(&'static OptionSpec, bool)> {
        let (spec, negated) = match self.find(key) {
            Some(spec) => (spec, false),
            None => (self.find(key.strip_prefix("no")?)?, true),
        };
        match spec.alias {
            Some((name, opposite)) => Some((self.find(name)?, negated != opposite)),
            None => Some((spec, negated)),
        }
    }
}

/// The options that both programs understand in the same way.
pub const SHARED_OPTIONS: &[OptionSpec] = &[
    option("help", "", Group::General, "Print this help and exit (also -h or -?)"),
    option("h", "", Group::General, "").stands_for("help").hidden(),
    option("?", "", Group::General, "").stands_for("help").hidden(),
    option("version", "", Group::General, "Print the version and exit"),
    option(
        "conf",
        "<file>",
        Group::General,
        "Configuration file, relative to the data folder (default: chaincore.conf, or bitcoin.conf where there is no \
         chaincore.conf). -noconf reads none",
    )
    .separate(),
    option("includeconf", "<file>", Group::General, "In the configuration file: read this file too"),
    option("settings", "<file>", Group::General, "").hidden(),
    option("datadir", "<dir>", Group::General, "Data folder (default: ~/.chaincore); it must exist")
        .no_negation()
        .separate(),
    option(
        "chain",
        "<name>",
        Group::Chain,
        "The chain: chaincore (default), regtest, testnet4, signet, main, or the name of a chain of your own that \
         this data folder has been started with before",
    )
    .separate(),
    option(
        "chain-file",
        "<file>",
        Group::Chain,
        "A chain of your own, from the file that `chaincored chain new` writes",
    )
    .no_negation()
    .needs_value()
    .separate(),
    option("regtest", "", Group::Chain, "Core's regression test chain: blocks on demand. Same as -chain=regtest"),
    option("testnet4", "", Group::Chain, "Bitcoin's test chain. Same as -chain=testnet4"),
    option("signet", "", Group::Chain, "Bitcoin's signed test chain. Same as -chain=signet"),
    option("testnet", "", Group::Chain, "").hidden(),
    option(
        "rpcport",
        "<port>",
        Group::Api,
        "Port of JSON-RPC and REST (default: 5000; regtest 18443, testnet4 48332, signet 38332, main 8332)",
    )
    .network_only()
    .separate(),
    option("api-port", "<port>", Group::Api, "Same as -rpcport").stands_for("rpcport").network_only().separate(),
    option("rpcuser", "<user>", Group::Api, "User name for JSON-RPC").secret(),
    option("rpcpassword", "<password>", Group::Api, "Password for JSON-RPC").secret(),
    option(
        "rpccookiefile",
        "<file>",
        Group::Api,
        "The cookie, relative to the chain's folder (default: .cookie); it is used where there is no -rpcpassword",
    ),
];
