//! The update rules on NumPy arrays.

use finevec_core::optim::{
    Adadelta, Adagrad, Adam, Grad, MAX_STATES, Options, RowWiseAdagrad, Rule, Sgd, Tables, update_dense, update_rows,
};
use finevec_core::{Element, Error};
use pyo3::prelude::*;

use crate::arrays::{Door, Table, dtype_of};
use crate::bag::resolve_padding;
use crate::dtype::by_dtype;
use crate::grad::{Gradient, Routed, Shared, entries};
use crate::traffic::{Access, Pass};
use crate::whole::Whole;

/// A rule before its element type is known.
trait Recipe: Sync {
    type Rule<T: Element>: Rule<T>;

    fn make<T: Element>(&self, dense: bool) -> Result<Self::Rule<T>, Error>;
}

/// How a state array is shaped.
#[derive(Clone, Copy)]
enum Shape {
    Weight,
    PerRow,
}

type State<'a, 'py> = (&'a Bound<'py, PyAny>, &'static str, Shape);

/// Options as they come from Python.
struct OptionArguments<'a, 'py> {
    weight_decay: f64,
    padding_idx: Option<Whole>,
    row_lr: Option<&'a Bound<'py, PyAny>>,
    grad_scale: f64,
    max_norm: Option<f64>,
}

/// Options whose arrays passed the door.
struct OpenOptions {
    weight_decay: f64,
    padding: Option<usize>,
    row_lr: Option<Table>,
    grad_scale: f64,
    max_norm: Option<f64>,
}

impl<'py> OptionArguments<'_, 'py> {
    fn open(&self, door: &mut Door<'py>, weight: &Table) -> PyResult<OpenOptions> {
        let open = |row_lr| door.input(row_lr, "row_lr", 0, weight.dtype, &[weight.rows()]);
        let row_lr = self.row_lr.map(open).transpose()?.map(|(table, _)| table);
        let padding = resolve_padding(self.padding_idx, weight.rows())?;
        let Self { weight_decay, grad_scale, max_norm, .. } = *self;
        Ok(OpenOptions { weight_decay, padding, row_lr, grad_scale, max_norm })
    }
}

impl OpenOptions {
    fn view<'p, T: Element>(&self, pass: &'p Pass) -> Options<'p, T> {
        Options {
            padding: self.padding,
            row_lr: self.row_lr.as_ref().map(|row_lr| row_lr.slice(pass)),
            weight_decay: T::from_f64(self.weight_decay),
            grad_scale: T::from_f64(self.grad_scale),
            max_norm: self.max_norm,
        }
    }
}

fn update<'py, R: Recipe>(
    recipe: &R,
    weight: &Bound<'py, PyAny>,
    states: [Option<State<'_, 'py>>; MAX_STATES],
    grad: &Bound<'py, PyAny>,
    options: &OptionArguments<'_, 'py>,
) -> PyResult<()> {
    let mut door = Door::new(weight.py());
    let split = dtype_of(weight, "weight")?.1.len().min(1);
    let weight = door.table(weight, "weight", split, Access::Write)?;
    let mut opened = [None, None];
    for (opened, state) in opened.iter_mut().zip(states) {
        if let Some((array, name, shape)) = state {
            let per_row = [weight.rows()];
            let shape = if matches!(shape, Shape::PerRow) { &per_row } else { weight.shape.as_slice() };
            *opened = Some(door.table_like(array, name, split, weight.dtype, shape)?);
        }
    }
    let grad = Gradient::open(&mut door, grad, weight.dtype, &weight.shape)?;
    let options = options.open(&mut door, &weight)?;
    let shared = grad.share();
    by_dtype!(weight.dtype, T => door.pass(|pass| apply::<T, R>(recipe, weight, opened, &shared, &options, pass)))
}

fn apply<T: Routed, R: Recipe>(
    recipe: &R,
    weight: Table,
    states: [Option<Table>; MAX_STATES],
    grad: &Shared<'_>,
    options: &OpenOptions,
    pass: &Pass,
) -> Result<(), Error> {
    let rule = recipe.make::<T>(matches!(grad, Shared::Dense(_)))?;
    let states = states.map(|state| state.map(|state| state.view_mut(pass)));
    let tables = Tables::new(&rule, weight.view_mut(pass), states)?;
    match grad {
        Shared::Rows(grads) => update_rows(&rule, tables, &entries(grads, pass)?, &options.view(pass)),
        Shared::Dense(grad) => update_dense(&rule, tables, grad.view(pass), &options.view(pass)),
    }
}

/// Defines a recipe: its fields and how they make a rule.
macro_rules! recipe {
    ($name:ident { $($field:ident: $type:ty),* } => $rule:ident, |$self:ident, $dense:ident| $make:expr) => {
        struct $name {
            $($field: $type),*
        }

        impl Recipe for $name {
            type Rule<T: Element> = $rule<T>;

            fn make<T: Element>(&$self, $dense: bool) -> Result<$rule<T>, Error> {
                $make
            }
        }
    };
}

recipe!(AddRecipe { alpha: f64 } => Sgd, |self, _dense| Sgd::adding(self.alpha));
recipe!(SgdRecipe { lr: f64 } => Sgd, |self, _dense| Sgd::new(self.lr));
recipe!(AdagradRecipe { lr: f64, eps: f64 } => Adagrad, |self, _dense| Adagrad::new(self.lr, self.eps));
recipe!(RowWiseRecipe { lr: f64, eps: f64 } => RowWiseAdagrad, |self, _dense| RowWiseAdagrad::new(self.lr, self.eps));
recipe!(AdadeltaRecipe { lr: f64, rho: f64, eps: f64 } => Adadelta, |self, _dense| {
    Adadelta::new(self.lr, self.rho, self.eps)
});
recipe!(AdamRecipe { lr: f64, betas: (f64, f64), eps: f64, step: Whole } => Adam, |self, dense| {
    if dense {
        Adam::dense(self.lr, self.betas, self.eps, self.step.to_i64())
    } else {
        Adam::rows(self.lr, self.betas, self.eps, self.step.to_i64())
    }
});

/// Defines an update function: the rule's arrays and numbers, then the options that all rules share.
macro_rules! update_function {
    (
        $name:ident, $recipe:ident { $($field:ident: $type:ty $(= $default:tt)?),* },
        states: [$($state:ident: $shape:ident),*]
    ) => {
        #[pyfunction]
        #[pyo3(signature = (
            weight, $($state,)* grad, *, $($field $(= $default)?,)* weight_decay=0.0, padding_idx=None, row_lr=None,
            grad_scale=1.0, max_norm=None
        ))]
        #[expect(clippy::too_many_arguments, reason = "a rule's arrays and numbers, by keyword")]
        fn $name<'py>(
            weight: &Bound<'py, PyAny>,
            $($state: &Bound<'py, PyAny>,)*
            grad: &Bound<'py, PyAny>,
            $($field: $type,)*
            weight_decay: f64,
            padding_idx: Option<Whole>,
            row_lr: Option<&Bound<'py, PyAny>>,
            grad_scale: f64,
            max_norm: Option<f64>,
        ) -> PyResult<()> {
            let mut states = [$(Some(($state, stringify!($state), Shape::$shape)),)*].into_iter();
            let states = std::array::from_fn(|_| states.next().flatten());
            let options = OptionArguments { weight_decay, padding_idx, row_lr, grad_scale, max_norm };
            update(&$recipe { $($field),* }, weight, states, grad, &options)
        }
    };
}

update_function!(sgd_update, SgdRecipe { lr: f64 }, states: []);
update_function!(adagrad_update, AdagradRecipe { lr: f64, eps: f64 = 1e-10 }, states: [state_sum: Weight]);
update_function!(rowwise_adagrad_update, RowWiseRecipe { lr: f64, eps: f64 = 1e-10 }, states: [state_sum: PerRow]);
update_function!(
    adam_update,
    AdamRecipe { lr: f64, betas: (f64, f64) = (0.9, 0.999), eps: f64 = 1e-8, step: Whole },
    states: [exp_avg: Weight, exp_avg_sq: Weight]
);
update_function!(
    adadelta_update,
    AdadeltaRecipe { lr: f64 = 1.0, rho: f64 = 0.9, eps: f64 = 1e-6 },
    states: [square_avg: Weight, acc_delta: Weight]
);

#[pyfunction]
#[pyo3(signature = (weight, grad, *, alpha=1.0))]
fn scatter_add<'py>(weight: &Bound<'py, PyAny>, grad: &Bound<'py, PyAny>, alpha: f64) -> PyResult<()> {
    let options =
        OptionArguments { weight_decay: 0.0, padding_idx: None, row_lr: None, grad_scale: 1.0, max_norm: None };
    update(&AddRecipe { alpha }, weight, [None, None], grad, &options)
}

#[pyfunction]
#[pyo3(signature = (weight, grad, *, padding_idx=None, row_lr=None))]
fn grad_sq_norm<'py>(
    weight: &Bound<'py, PyAny>,
    grad: &Bound<'py, PyAny>,
    padding_idx: Option<Whole>,
    row_lr: Option<&Bound<'py, PyAny>>,
) -> PyResult<f64> {
    let mut door = Door::new(weight.py());
    let split = dtype_of(weight, "weight")?.1.len().min(1);
    let weight = door.table(weight, "weight", split, Access::Read)?;
    let grad = Gradient::open(&mut door, grad, weight.dtype, &weight.shape)?;
    let options = OptionArguments { weight_decay: 0.0, padding_idx, row_lr, grad_scale: 1.0, max_norm: None };
    let options = options.open(&mut door, &weight)?;
    let shared = grad.share();
    by_dtype!(weight.dtype, T => door.pass(|pass| {
        let entries;
        let grad = match &shared {
            Shared::Rows(grads) => {
                entries = self::entries::<T>(grads, pass)?;
                Grad::Rows(&entries)
            }
            Shared::Dense(grad) => Grad::Dense(grad.view(pass)),
        };
        finevec_core::optim::grad_sq_norm(grad, weight.rows(), weight.dim(), &options.view(pass))
    }))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(sgd_update, module)?)?;
    module.add_function(wrap_pyfunction!(adagrad_update, module)?)?;
    module.add_function(wrap_pyfunction!(rowwise_adagrad_update, module)?)?;
    module.add_function(wrap_pyfunction!(adam_update, module)?)?;
    module.add_function(wrap_pyfunction!(adadelta_update, module)?)?;
    module.add_function(wrap_pyfunction!(scatter_add, module)?)?;
    module.add_function(wrap_pyfunction!(grad_sq_norm, module)?)
}
