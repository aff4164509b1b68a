"""Data files: reading labelled texts, and the data of `finevec demo`."""
