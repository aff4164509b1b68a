//! What the fused LSTM cell refuses before anything is written.

use crate::error::Error;
use crate::gates::{NodeGrads, NodeStates, Nodes};
use crate::ids::{Bags, Ids};
use crate::rows::{Rows, RowsMut};

const NODES: usize = 3;
const EDGES: usize = 5;
const DIM: usize = 4;
const WORDS: usize = 6;
const CELLS: usize = 7;

/// What every element is before a call.
const BEFORE: f32 = 0.5;

/// Rows that lie `gap` elements apart.
#[derive(Clone, Copy)]
struct Table {
    name: &'static str,
    rows: usize,
    dim: usize,
    gap: usize,
    written: bool,
}

impl Table {
    const fn of(name: &'static str, rows: usize, dim: usize, written: bool) -> Self {
        Self { name, rows, dim, gap: 0, written }
    }

    fn view<'a>(&self, memory: &'a mut [f32]) -> RowsMut<'a, f32> {
        assert!(memory.len() >= self.rows * (self.dim + self.gap));
        // SAFETY: so many rows, apart from each other, lie within the memory.
        unsafe { RowsMut::from_raw(memory.as_mut_ptr(), self.rows, self.dim, (self.dim + self.gap) as isize) }
    }
}

/// What a call gets.
#[derive(Clone)]
struct Call {
    tables: Vec<Table>,
    words: Vec<i64>,
    cells: (usize, usize),
}

impl Call {
    /// One that is in order.
    fn new(tables: &[Table]) -> Self {
        Self { tables: tables.to_vec(), words: vec![0, 5, 0], cells: (CELLS, DIM) }
    }

    fn states() -> Self {
        Self::new(&[
            Table::of("iou", NODES, 3 * DIM, true),
            Table::of("forget", EDGES, DIM, true),
            Table::of("cell", NODES, DIM, true),
            Table::of("hidden", NODES, DIM, true),
            Table::of("projected", WORDS, 4 * DIM, false),
        ])
    }

    fn gradients() -> Self {
        Self::new(&[
            Table::of("grad_projected", NODES, 4 * DIM, true),
            Table::of("grad_forget", EDGES, DIM, true),
            Table::of("grad_cells", EDGES, DIM, true),
            Table::of("iou", NODES, 3 * DIM, false),
            Table::of("forget", EDGES, DIM, false),
            Table::of("cell", NODES, DIM, false),
            Table::of("grad_cell", NODES, DIM, false),
            Table::of("grad_hidden", NODES, DIM, false),
        ])
    }

    /// The outcome. Where it is an error, nothing was written; else every table to write was.
    fn run(&self) -> Result<(), Error> {
        let mut memory = vec![[BEFORE; 500]; self.tables.len()];
        let mut views = self.tables.iter().zip(&mut memory).map(|(table, memory)| table.view(memory));
        let mut next = || views.next().unwrap();
        let children = Ids::check(&[6, 0, 0, 3, 1], CELLS).unwrap();
        let (rows, dim) = self.cells;
        let cells = vec![BEFORE; rows * dim];
        let nodes = Nodes {
            children: &Bags::check(children, &[0, 0, 4, 5], true).unwrap(),
            cells: Rows::new(&cells, rows, dim),
        };
        let outcome = if self.tables.len() == 5 {
            let [iou, forget, cell, hidden, projected] = std::array::from_fn(|_| next());
            let words = Ids::check(&self.words, WORDS).unwrap();
            nodes.states(&words, projected.to_read(), iou, forget, cell, hidden)
        } else {
            let [projected, forget, cells, iou, gates, cell, grad_cell, grad_hidden] = std::array::from_fn(|_| next());
            let states = NodeStates {
                iou: iou.to_read(),
                forget: gates.to_read(),
                cell: cell.to_read(),
                grad_cell: grad_cell.to_read(),
                grad_hidden: grad_hidden.to_read(),
            };
            nodes.gradients(&states, NodeGrads { projected, forget, cells })
        };
        for (table, memory) in self.tables.iter().zip(&memory) {
            let untouched = memory.iter().all(|&value| value == BEFORE);
            assert_eq!(untouched, outcome.is_err() || !table.written, "{}", table.name);
        }
        outcome
    }

    #[track_caller]
    fn expect_shape(&self, refused: &str, expected: (usize, usize)) {
        match self.run() {
            Err(Error::Shape { what, got, wanted }) => assert_eq!((what, (got, wanted)), (refused, expected)),
            other => panic!("{other:?} for {refused}"),
        }
    }
}

#[test]
fn tables_of_other_shapes() {
    for call in [Call::states(), Call::gradients()] {
        call.run().unwrap();
        for at in 0..call.tables.len() {
            let Table { name, rows, dim, .. } = call.tables[at];
            for step in [-1, 1] {
                let mut other = call.clone();
                other.tables[at].rows = rows.wrapping_add_signed(step);
                let (what, expected) = match name {
                    // The ids say how many there are.
                    "projected" => ("the table", (WORDS.wrapping_add_signed(step), WORDS)),
                    _ => (name, (rows.wrapping_add_signed(step), rows)),
                };
                other.expect_shape(&format!("the number of rows of {what}"), expected);
                let mut other = call.clone();
                other.tables[at].dim = dim.wrapping_add_signed(step);
                other.expect_shape(&format!("the dim of {name}"), (dim.wrapping_add_signed(step), dim));
            }
        }
    }
}

#[test]
fn ids_of_other_tables_and_words_of_other_nodes() {
    for mut call in [Call::states(), Call::gradients()] {
        for rows in [0, CELLS - 1, CELLS + 1] {
            call.cells.0 = rows;
            call.expect_shape("the number of rows of the table", (rows, CELLS));
        }
    }
    for words in [vec![], vec![0, 1], vec![0; 4]] {
        let call = Call { words, ..Call::states() };
        call.expect_shape("the number of words", (call.words.len(), NODES));
    }
}

#[test]
fn rows_to_write_that_are_not_one_block() {
    for call in [Call::states(), Call::gradients()] {
        for at in 0..call.tables.len() {
            let mut other = call.clone();
            other.tables[at].gap = 1;
            let Table { name, written, .. } = call.tables[at];
            match other.run() {
                Err(Error::NotDense { what }) => assert!(written && what == name, "{what} for {name}"),
                outcome => assert!(outcome.is_ok() && !written, "{outcome:?} for {name}"),
            }
        }
    }
}
