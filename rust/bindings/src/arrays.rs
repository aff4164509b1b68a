//! The door: NumPy objects → core views.
//!
//! Everything about the memory of an argument is settled here: dtype, shape, layout, alignment, writability, overlap
//! with the other arguments. A `Door` collects the arrays of one call; `Door::pass` waits
//! until no other call writes what this one reads or reads what it writes, and only then hands out views.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use finevec_core::ids::{Bags, Ids, RawId};
use finevec_core::rows::{Rows, RowsMut};
use finevec_core::scratch::zeroed;
use finevec_core::{Element, Error};
use numpy::npyffi::flags::NPY_ARRAY_WRITEABLE;
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::dtype::Dtype;
use crate::errors;
use crate::ndarray::{array, contiguous, dtype_error, is_native, shares_memory};
use crate::shape::{collapse, expect_shape, shape_text};
use crate::traffic::{Access, Pass, Region};

/// The dtype and shape of an array of floats.
pub(crate) fn dtype_of(object: &Bound<'_, PyAny>, name: &str) -> PyResult<(Dtype, Vec<usize>)> {
    let array = array(object, name)?;
    let dtype = Dtype::of(&array).ok_or_else(|| dtype_error(&array, name, "float32 or float64"))?;
    Ok((dtype, array.shape().to_vec()))
}

/// An array that passed the door as rows: leading axes are rows, the others one contiguous row.
#[derive(Debug)]
pub(crate) struct Table {
    start: *mut c_void,
    rows: usize,
    dim: usize,
    /// In elements.
    stride: isize,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    door: u64,
    access: Access,
}

// SAFETY: a Table is an address and numbers; it becomes a view only with a pass of its door.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// A view to read.
    pub(crate) fn view<'p, T: Element>(&self, pass: &'p Pass) -> Rows<'p, T> {
        pass.expect_door(self.door);
        self.expect::<T>(Access::Read);
        // SAFETY: the door checked dtype, layout and alignment of an array that its caller keeps alive, and the pass
        // of that door keeps our other calls from writing it. It was opened to read, so no view of this call writes it.
        unsafe { Rows::from_raw(self.start.cast::<T>(), self.rows, self.dim, self.stride) }
    }

    /// A view to change. Consumes the table, so that there is only one.
    pub(crate) fn view_mut<T: Element>(self, pass: &Pass) -> RowsMut<'_, T> {
        pass.expect_door(self.door);
        self.expect::<T>(Access::Write);
        // SAFETY: the door checked dtype, layout, alignment, writability, that rows are apart and that no other array
        // of the call shares the memory; its pass keeps our other calls from touching it.
        unsafe { RowsMut::from_raw(self.start.cast::<T>(), self.rows, self.dim, self.stride) }
    }

    /// A view of a vector to read.
    pub(crate) fn slice<'p, T: Element>(&self, pass: &'p Pass) -> &'p [T] {
        let rows = self.view::<T>(pass);
        assert!(rows.rows() == 1 || rows.rows() == 0, "a vector is opened as one row");
        if rows.rows() == 0 { &[] } else { rows.row(0) }
    }

    fn expect<T: Element>(&self, access: Access) {
        assert_eq!(self.dtype.bytes(), size_of::<T>(), "views have the dtype of their array");
        assert_eq!(self.access, access, "a table is viewed as it was opened");
    }
}

/// An array of integers that passed the door.
#[derive(Debug)]
pub(crate) struct Integers {
    start: *const c_void,
    len: usize,
    kind: u8,
    bytes: usize,
    pub(crate) shape: Vec<usize>,
    door: u64,
}

// SAFETY: as for Table.
unsafe impl Send for Integers {}
// SAFETY: as for Table.
unsafe impl Sync for Integers {}

/// Runs the same code on integers of any type.
macro_rules! with_integers {
    ($integers:expr, $pass:expr, |$slice:ident| $body:expr) => {
        match ($integers.kind, $integers.bytes) {
            (b'i', 1) => with_integers!(@ $integers.slice::<i8>($pass), $slice, $body),
            (b'i', 2) => with_integers!(@ $integers.slice::<i16>($pass), $slice, $body),
            (b'i', 4) => with_integers!(@ $integers.slice::<i32>($pass), $slice, $body),
            (b'i', _) => with_integers!(@ $integers.slice::<i64>($pass), $slice, $body),
            (_, 1) => with_integers!(@ $integers.slice::<u8>($pass), $slice, $body),
            (_, 2) => with_integers!(@ $integers.slice::<u16>($pass), $slice, $body),
            (_, 4) => with_integers!(@ $integers.slice::<u32>($pass), $slice, $body),
            (_, _) => with_integers!(@ $integers.slice::<u64>($pass), $slice, $body),
        }
    };
    (@ $view:expr, $slice:ident, $body:expr) => {{
        let $slice = $view;
        $body
    }};
}

impl Integers {
    fn slice<'p, I: RawId>(&self, pass: &'p Pass) -> &'p [I] {
        pass.expect_door(self.door);
        assert_eq!(self.bytes, size_of::<I>(), "views have the dtype of their array");
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the door checked dtype, contiguity and alignment of an array that its caller keeps alive, and the
        // pass of that door keeps our other calls from writing it. Any bits of that size are an integer.
        unsafe { std::slice::from_raw_parts(self.start.cast::<I>(), self.len) }
    }

    /// Checked ids of a table of `rows` rows.
    pub(crate) fn ids(&self, pass: &Pass, rows: usize) -> Result<Ids, Error> {
        with_integers!(self, pass, |raw| Ids::check(raw, rows))
    }

    /// Bags of ids, cut where these offsets say.
    pub(crate) fn bags(&self, pass: &Pass, ids: Ids, include_last: bool) -> Result<Bags, Error> {
        with_integers!(self, pass, |raw| Bags::check(ids, raw, include_last))
    }

    /// Checked ids that belong to no table.
    pub(crate) fn ids_alone(&self, pass: &Pass) -> Result<Ids, Error> {
        with_integers!(self, pass, |raw| Ids::check_alone(raw))
    }

    /// A copy in 32 bits of what must fit; errors call it `what`.
    pub(crate) fn to_i32(&self, pass: &Pass, what: &'static str) -> Result<Vec<i32>, Error> {
        let mut copy = zeroed::<i32>(self.len)?;
        with_integers!(self, pass, |raw| {
            for (copy, value) in copy.iter_mut().zip(raw) {
                let wide = value.value();
                *copy = i32::try_from(wide).map_err(|_| Error::Number {
                    what,
                    got: wide as f64,
                    wanted: "a number of 32 bits",
                })?;
            }
        });
        Ok(copy)
    }

    /// A copy of offsets into a block of bytes.
    pub(crate) fn to_vec(&self, pass: &Pass) -> Vec<i64> {
        with_integers!(self, pass, |raw| raw.iter().map(|value| value.widen() as i64).collect())
    }
}

/// The arrays of one call.
pub(crate) struct Door<'py> {
    py: Python<'py>,
    number: u64,
    opened: Vec<(&'static str, Bound<'py, PyUntypedArray>, Region)>,
}

impl<'py> Door<'py> {
    pub(crate) fn new(py: Python<'py>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { py, number: NEXT.fetch_add(1, Ordering::Relaxed), opened: Vec::with_capacity(6) }
    }

    pub(crate) fn py(&self) -> Python<'py> {
        self.py
    }

    /// Opens a table where it lies: axes before `split` are rows, the others are one row. Never copied.
    pub(crate) fn table(
        &mut self,
        object: &Bound<'py, PyAny>,
        name: &'static str,
        split: usize,
        access: Access,
    ) -> PyResult<Table> {
        let array = array(object, name)?;
        let wanted = "float32 or float64 in native byte order";
        let dtype = Dtype::of(&array).ok_or_else(|| dtype_error(&array, name, wanted))?;
        if !is_native(&array) {
            return Err(dtype_error(&array, name, wanted));
        }
        let mut table = layout(&array, dtype, split)
            .map_err(|problem| PyValueError::new_err(format!("{name} {problem}; a table is never copied")))?;
        if access == Access::Write {
            if !is_writeable(&array) {
                return Err(PyValueError::new_err(format!("{name} is read-only, wanted an array that can be written")));
            }
            if table.rows > 1 && table.dim > 0 && table.stride.unsigned_abs() < table.dim {
                return Err(PyValueError::new_err(format!("the rows of {name} overlap, wanted rows apart")));
            }
        }
        self.keep(name, array, &mut table, access);
        Ok(table)
    }

    /// Opens a table of `rows × dim` where it lies.
    pub(crate) fn matrix(&mut self, object: &Bound<'py, PyAny>, name: &'static str, access: Access) -> PyResult<Table> {
        let shape = array(object, name)?.shape().to_vec();
        if shape.len() != 2 {
            let text = format!("{name} has shape {}, wanted (rows, dim)", shape_text(&shape));
            return Err(PyValueError::new_err(text));
        }
        self.table(object, name, 1, access)
    }

    /// Opens a table that must have the dtype and shape given.
    pub(crate) fn table_like(
        &mut self,
        object: &Bound<'py, PyAny>,
        name: &'static str,
        split: usize,
        dtype: Dtype,
        shape: &[usize],
    ) -> PyResult<Table> {
        let given = array(object, name)?;
        if Dtype::of(&given) != Some(dtype) {
            return Err(dtype_error(&given, name, &format!("{}, that of the table", dtype.name())));
        }
        expect_shape(name, given.shape(), shape)?;
        self.table(object, name, split, Access::Write)
    }

    /// Opens an input of a given element type to read, as rows of its last axes from `split` on. Copied where its
    /// layout is not that of rows; returns the array that was opened.
    pub(crate) fn input(
        &mut self,
        object: &Bound<'py, PyAny>,
        name: &'static str,
        split: usize,
        wanted: Dtype,
        shape: &[usize],
    ) -> PyResult<(Table, Bound<'py, PyUntypedArray>)> {
        let mut array = array(object, name)?;
        if Dtype::of(&array) != Some(wanted) {
            return Err(dtype_error(&array, name, &format!("{}, that of the table", wanted.name())));
        }
        expect_shape(name, array.shape(), shape)?;
        if !is_native(&array) || layout(&array, wanted, split).is_err() {
            array = contiguous(&array)?;
        }
        let mut table =
            layout(&array, wanted, split).map_err(|problem| PyValueError::new_err(format!("{name} {problem}")))?;
        self.keep(name, array.clone(), &mut table, Access::Read);
        Ok((table, array))
    }

    /// Opens integers of any type and layout to read.
    pub(crate) fn integers(&mut self, object: &Bound<'py, PyAny>, name: &'static str) -> PyResult<Integers> {
        let mut array = array(object, name)?;
        let dtype = array.dtype();
        let (kind, bytes) = (dtype.kind(), dtype.itemsize());
        if !matches!(kind, b'i' | b'u') {
            return Err(dtype_error(&array, name, "an integer type"));
        }
        let shape = array.shape().to_vec();
        if !is_native(&array) || !array.is_c_contiguous() || !is_aligned(&array, bytes) {
            array = contiguous(&array)?;
        }
        let start = address(&array);
        let len = shape.iter().product();
        let region = Region { bytes: start.addr()..start.addr() + len * bytes, access: Access::Read };
        self.opened.push((name, array, region));
        Ok(Integers { start, len, kind, bytes, shape, door: self.number })
    }

    /// Opens integers of one dimension.
    pub(crate) fn integers_1d(&mut self, object: &Bound<'py, PyAny>, name: &'static str) -> PyResult<Integers> {
        let integers = self.integers(object, name)?;
        if integers.shape.len() != 1 {
            let text = format!("{name} has shape {}, wanted one dimension", shape_text(&integers.shape));
            return Err(PyValueError::new_err(text));
        }
        Ok(integers)
    }

    fn keep(&mut self, name: &'static str, array: Bound<'py, PyUntypedArray>, table: &mut Table, access: Access) {
        table.door = self.number;
        table.access = access;
        let item = table.dtype.bytes() as isize;
        let first = table.start.addr();
        let bytes = if table.rows == 0 || table.dim == 0 {
            first..first
        } else {
            let last = first.wrapping_add_signed((table.rows as isize - 1) * table.stride * item);
            first.min(last)..first.max(last) + table.dim * table.dtype.bytes()
        };
        self.opened.push((name, array, Region { bytes, access }));
    }

    /// Refuses arrays of which one is written and shares bytes with another. Two disjoint slices of one array are fine.
    fn refuse_overlap(&self) -> PyResult<()> {
        for (i, (name, array, region)) in self.opened.iter().enumerate() {
            for (other_name, other_array, other) in &self.opened[i + 1..] {
                if region.conflicts(other) && shares_memory(array, other_array)? {
                    let text = format!("{name} and {other_name} share memory, wanted arrays apart");
                    return Err(PyValueError::new_err(text));
                }
            }
        }
        Ok(())
    }

    /// Waits for other calls on the same memory, then runs the call with the GIL released.
    pub(crate) fn pass<R: Send>(self, work: impl FnOnce(&Pass) -> Result<R, Error> + Send) -> PyResult<R> {
        self.passes(|passes| work(&passes.next())).and_then(|result| result.map_err(|error| errors::to_python(&error)))
    }

    /// Runs a long call with the GIL released, which takes a pass for each of its steps, so that others come in between.
    pub(crate) fn passes<R: Send>(self, work: impl FnOnce(&Passes) -> R + Send) -> PyResult<R> {
        self.refuse_overlap()?;
        let regions = self.opened.iter().map(|(_, _, region)| region.clone()).collect();
        let passes = Passes { door: self.number, regions };
        Ok(self.py.detach(|| work(&passes)))
    }
}

/// The way through a door, once or more.
pub(crate) struct Passes {
    door: u64,
    regions: Vec<Region>,
}

impl Passes {
    /// Waits for other calls on the same memory.
    pub(crate) fn next(&self) -> Pass {
        Pass::wait_for(self.door, self.regions.clone())
    }
}

/// The layout of an array as rows, or what is wrong with it.
fn layout(array: &Bound<'_, PyUntypedArray>, dtype: Dtype, split: usize) -> Result<Table, String> {
    let (shape, strides) = (array.shape(), array.strides());
    let item = dtype.bytes();
    if !is_aligned(array, item) {
        return Err("is not aligned, wanted an aligned array".into());
    }
    if shape.contains(&0) {
        // No element is ever reached, and NumPy gives such arrays steps of 0.
        let [rows, dim] = [&shape[..split], &shape[split..]].map(|axes| axes.iter().product());
        return Ok(Table {
            start: address(array).cast_mut(),
            rows,
            dim,
            stride: dim as isize,
            dtype,
            shape: shape.to_vec(),
            door: 0,
            access: Access::Read,
        });
    }
    let problem = || {
        let (shape, strides) = (shape_text(shape), format!("{strides:?}"));
        format!("has shape {shape} with strides of {strides} bytes, wanted contiguous rows")
    };
    let (rows, stride) = collapse(&shape[..split], &strides[..split]).ok_or_else(problem)?;
    let (dim, step) = collapse(&shape[split..], &strides[split..]).ok_or_else(problem)?;
    if dim > 1 && step != item as isize {
        return Err(problem());
    }
    // A step that is never taken may be anything in NumPy.
    let stride = if rows > 1 { stride / item as isize } else { dim as isize };
    let (door, access) = (0, Access::Read);
    Ok(Table { start: address(array).cast_mut(), rows, dim, stride, dtype, shape: shape.to_vec(), door, access })
}

fn address(array: &Bound<'_, PyUntypedArray>) -> *const c_void {
    // SAFETY: the pointer is that of a live array object.
    unsafe { (*array.as_array_ptr()).fields.data.cast::<c_void>().cast_const() }
}

fn is_writeable(array: &Bound<'_, PyUntypedArray>) -> bool {
    // SAFETY: the pointer is that of a live array object.
    unsafe { (*array.as_array_ptr()).fields.flags & NPY_ARRAY_WRITEABLE != 0 }
}

fn is_aligned(array: &Bound<'_, PyUntypedArray>, bytes: usize) -> bool {
    let steps = array.shape().iter().zip(array.strides()).filter(|(length, _)| **length > 1);
    address(array).addr().is_multiple_of(bytes)
        && steps.into_iter().all(|(_, stride)| stride.unsigned_abs().is_multiple_of(bytes))
}
