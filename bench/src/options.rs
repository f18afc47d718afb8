//! Command line of the benchmark.

use std::path::PathBuf;

use acceptance::Failure;
use lexopt::{Arg, Parser, ValueExt as _};

/// Help text for `make bench OPTIONS="…"`.
pub(crate) const HELP: &str = "\
options of make bench, as OPTIONS=\"…\":
  --only full,valid,refused,status,start   which parts to run (default: all)
  --emails 2,100,1000,10000         sizes of the payload (default: all four)
  --credential bearer,key           how the caller proves itself (default: both)
  --candidates floor,object,peer,gateway   who runs (default: all)
  --also DIRECTORY                  another build of the gateway beside them: a folder with index.js and index_bg.wasm
  --callers 4                       how many callers take turns, each with its own Durable Object
  --storage memory                  where the objects' storage is: memory or disk
  --rounds 7                        rounds, of which the median counts
  --seconds 0.7                     CPU time that a round aims at
  --connections 8                   connections that ask at once
  --memory [REQUESTS]               nothing but memory: so many requests of valid and of full (default: 200000), and the process's size on the way
  --help                            this text
";

/// Part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `?validateOnly=true`, which only validates.
    Valid,
    /// Requests that are rejected.
    Refused,
    /// The status of a remediation, which the gateway alone has.
    Status,
    /// Complete remediations, including Graph.
    Full,
    /// Time from the start of the process to its first response.
    Start,
}

/// Place of the objects' storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// File system in memory.
    Memory,
    /// Disk of the checkout.
    Disk,
}

/// Parsed command line.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) parts: Vec<Part>,
    pub(crate) emails: Vec<usize>,
    pub(crate) bearer: bool,
    pub(crate) key: bool,
    pub(crate) candidates: Vec<String>,
    pub(crate) also: Option<PathBuf>,
    pub(crate) callers: usize,
    pub(crate) storage: Storage,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) connections: usize,
    pub(crate) memory: Option<u64>,
    pub(crate) help: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parts: vec![Part::Valid, Part::Refused, Part::Status, Part::Full, Part::Start],
            emails: vec![2, 100, 1_000, 10_000],
            bearer: true,
            key: true,
            candidates: ["floor", "object", "peer", "gateway"].map(str::to_owned).to_vec(),
            also: None,
            callers: 4,
            storage: Storage::Memory,
            rounds: 7,
            seconds: 0.7,
            connections: 8,
            memory: None,
            help: false,
        }
    }
}

/// Default number of requests of `--memory`.
const MEMORY_REQUESTS: u64 = 200_000;

impl Options {
    /// Parses the command line.
    pub(crate) fn read() -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut parser = Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("only") => {
                    options.parts =
                        parse_list(&mut parser)?.iter().map(|name| parse_part(name)).collect::<Result<_, _>>()?;
                }
                Arg::Long("emails") => {
                    options.emails =
                        parse_list(&mut parser)?.iter().map(|count| count.parse()).collect::<Result<_, _>>()?;
                    if options.emails.iter().any(|count| !(1..=10_000).contains(count)) {
                        return Err("--emails: from 1 to 10000".into());
                    }
                    options.emails.sort_unstable();
                }
                Arg::Long("credential") => {
                    let kinds = parse_list(&mut parser)?;
                    options.bearer = kinds.iter().any(|kind| kind == "bearer");
                    options.key = kinds.iter().any(|kind| kind == "key");
                }
                Arg::Long("candidates") => options.candidates = parse_list(&mut parser)?,
                Arg::Long("also") => options.also = Some(parser.value()?.into()),
                Arg::Long("callers") => options.callers = parser.value()?.parse::<usize>()?.clamp(1, 1_000),
                Arg::Long("storage") => options.storage = parse_storage(&parser.value()?.string()?)?,
                Arg::Long("rounds") => options.rounds = parser.value()?.parse::<usize>()?.max(1),
                Arg::Long("seconds") => options.seconds = parser.value()?.parse()?,
                Arg::Long("connections") => options.connections = parser.value()?.parse::<usize>()?.max(1),
                Arg::Long("memory") => {
                    let requests = parser.optional_value().map(|value| value.parse()).transpose()?;
                    options.memory = Some(requests.unwrap_or(MEMORY_REQUESTS));
                }
                Arg::Value(value) if options.memory.is_some() => options.memory = Some(value.parse()?),
                Arg::Long("help") => options.help = true,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

fn parse_storage(name: &str) -> Result<Storage, Failure> {
    match name {
        "memory" => Ok(Storage::Memory),
        "disk" => Ok(Storage::Disk),
        _ => Err(format!("--storage: there is no {name}").into()),
    }
}

fn parse_list(parser: &mut Parser) -> Result<Vec<String>, Failure> {
    Ok(parser.value()?.string()?.split(',').map(str::to_owned).collect())
}

fn parse_part(name: &str) -> Result<Part, Failure> {
    match name {
        "valid" => Ok(Part::Valid),
        "refused" => Ok(Part::Refused),
        "full" => Ok(Part::Full),
        "status" => Ok(Part::Status),
        "start" => Ok(Part::Start),
        _ => Err(format!("--only: there is no {name}").into()),
    }
}
