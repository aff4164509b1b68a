"""The tables of papers, computed anew: ``finevec reproduce``.

Of use to every paper: `data_files` finds files, `runs` keeps finished runs, `loop` does the missing ones, `experiment`
has what they share, `folds` the cross-validation, `cells` puts runs into a table, `summary` has means, intervals and
tables, `notes` what every report tells. For each paper, `kim` (2014) and `tai` (2015): ``kim.py`` has what the paper
did and its figures, ``kim_data.py`` reads the data, ``kim_training.py`` does one run, ``kim_report.py`` and
``kim_notes.py`` write the tables.
"""
