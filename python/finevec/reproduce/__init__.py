"""The tables of papers, computed anew: ``finevec reproduce``.

Of use to every paper: `runs` keeps finished runs, `loop` does the missing ones, `summary` has means, intervals and
tables, `folds` the cross-validation. Kim (2014): `kim` has what the paper did and its figures, `kim_data` reads the
texts, `kim_training` does one run, `kim_report` and `kim_notes` write the tables.
"""
