//! Times the patterns of memory that embedding kernels are made of, for benches/roofline.py.
//!
//! `finevec-roofline TABLE_ROWS ROW_BYTES STREAM_BYTES THREADS SETS cold|warm` takes a table, and a file of sets of
//! distinct rows: little-endian u32, each set its length and then its rows, ascending. Then, for each line
//! `PATTERN THREADS SIZE` on the standard input, it answers with a line of JSON, the seconds of the best variant:
//!
//! - `read`, `write`: SIZE bytes one after the other;
//! - `gather`, `update`: the rows of a set, of SIZE bytes each; `update` writes them back, changed;
//! - `flush`: nothing is timed, the caches are filled with other data.
//!
//! Successive measurements take other rows and other parts of the stream. `cold` fills the caches with other data before
//! each; `warm` goes once through all rows and parts instead.

mod level;
mod memory;
mod patterns;
mod team;

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::Arc;

use memory::Memory;
use patterns::{RowSet, Variant};
use team::{Team, Work};

/// Successive measurements read so many parts of the stream in turn.
const WINDOWS: usize = 4;

/// After so many requests for a pattern, only its two best variants are tried.
const TRIALS: usize = 3;

struct Machine {
    table: Memory,
    stream: Memory,
    flush: Memory,
    flush_bytes: usize,
    stream_bytes: usize,
    sets: Vec<Arc<RowSet>>,
    cold: bool,
    team: Team,
    turn: usize,
    history: HashMap<(String, usize, usize), History>,
}

struct History {
    requests: usize,
    best: Vec<(f64, Variant)>,
}

impl Machine {
    fn work(&self, pattern: &str, threads: usize, size: usize, variant: Variant) -> Work {
        let window = (self.turn % WINDOWS) * self.stream_bytes;
        match pattern {
            "read" => patterns::read(self.stream, window, size, threads, variant),
            "write" => patterns::write(self.stream, 0, size, threads, variant),
            _ => {
                let set = &self.sets[self.turn % self.sets.len()];
                patterns::rows(self.table, set, size, threads, variant, pattern == "update")
            }
        }
    }

    fn flush(&self) {
        let threads = self.team.threads();
        let variant = Variant::Streams { count: 1, ahead: 0 };
        self.team.seconds(threads, &patterns::read(self.flush, 0, self.flush_bytes, threads, variant));
    }

    /// The best seconds so far of a pattern.
    fn measure(&mut self, pattern: &str, threads: usize, size: usize) -> (f64, Variant) {
        let key = (pattern.to_owned(), threads, size);
        let mut history = self.history.remove(&key).unwrap_or_else(|| History {
            requests: 0,
            best: variants(pattern).into_iter().map(|variant| (f64::INFINITY, variant)).collect(),
        });
        history.requests += 1;
        if history.requests == TRIALS + 1 {
            history.best.truncate(2);
        }
        for (best, variant) in &mut history.best {
            if self.cold {
                self.flush();
            } else {
                // The data go round and round, as they do where all of them fit the cache.
                for _ in 0..WINDOWS.max(self.sets.len()) {
                    self.turn += 1;
                    self.team.seconds(threads, &self.work(pattern, threads, size, *variant));
                }
            }
            self.turn += 1;
            let work = self.work(pattern, threads, size, *variant);
            *best = best.min(self.team.seconds(threads, &work));
        }
        history.best.sort_by(|a, b| a.0.total_cmp(&b.0));
        let answer = history.best[0];
        self.history.insert(key, history);
        answer
    }
}

fn variants(pattern: &str) -> Vec<Variant> {
    match pattern {
        "read" => [(1, 0), (1, 32), (4, 0), (4, 32)].map(|(count, ahead)| Variant::Streams { count, ahead }).to_vec(),
        "write" => vec![Variant::Streaming, Variant::Fill],
        _ => [0, 8, 16, 32]
            .into_iter()
            .flat_map(|ahead| [true, false].map(|ascending| Variant::Rows { ascending, ahead }))
            .collect(),
    }
}

/// Reads the sets; the random order of each follows from its number.
fn read_sets(path: &str) -> Vec<Arc<RowSet>> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut numbers = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word));
    let mut sets = Vec::new();
    let mut state = 1_u64;
    while let Some(len) = numbers.next() {
        let ascending: Vec<u32> = numbers.by_ref().take(len as usize).collect();
        let mut random = ascending.clone();
        for last in (1..random.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random.swap(last, (state >> 33) as usize % (last + 1));
        }
        sets.push(Arc::new(RowSet { ascending, random }));
    }
    sets
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table_rows, row_bytes, stream_bytes, threads, sets, temperature] = &arguments[..] else {
        panic!("wanted TABLE_ROWS ROW_BYTES STREAM_BYTES THREADS SETS cold|warm, got {arguments:?}");
    };
    let number = |text: &str| text.parse::<usize>().unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let stream_bytes = number(stream_bytes).next_multiple_of(4096);
    let flush_bytes = memory::flush_bytes();
    let mut machine = Machine {
        table: Memory::new(number(table_rows) * number(row_bytes)),
        stream: Memory::new(WINDOWS * stream_bytes),
        flush: Memory::new(flush_bytes),
        flush_bytes,
        stream_bytes,
        sets: read_sets(sets),
        cold: temperature == "cold",
        team: Team::new(number(threads)),
        turn: 0,
        history: HashMap::new(),
    };
    let mut output = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text on the standard input");
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["flush"] => {
                machine.flush();
                "{}".to_owned()
            }
            [pattern @ ("read" | "write" | "gather" | "update"), threads, size] => {
                let (seconds, variant) = machine.measure(pattern, number(threads), number(size));
                format!("{{\"seconds\": {seconds:e}, \"variant\": \"{variant:?}\"}}")
            }
            _ => panic!("not a request: {line:?}"),
        };
        writeln!(output, "{answer}").and_then(|()| output.flush()).expect("someone reads the answers");
    }
}
